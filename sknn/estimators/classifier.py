"""The classifier, as its users see it."""

from sknn.estimators.classification import BaseClassifier


class MLPClassifier(BaseClassifier):
    """Multi-layer perceptron classifier.

    Trains in compiled kernels. Takes the parameters of
    :class:`sklearn.neural_network.MLPClassifier`, and more, and follows it to rounding
    for the same ``random_state``; where it differs on purpose, the documentation says
    so and why.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int or int, default=(100,)
        Number of neurons in each hidden layer; ``()`` makes a linear model. A plain
        number is the width of one layer, or of ``n_hidden_layers``.
    activation : str or sequence of str, default='relu'
        Activation of the hidden layers, or of each of them, as a function of the
        weighted sum ``z``:

        - 'identity': ``z``
        - 'step': 1 if ``z >= 0`` else 0, the perceptron's, trained with the gradient of
          the identity in [-1, 1] (straight-through) [1]_
        - 'relu': ``max(0, z)`` [2]_
        - 'leaky_relu': ``z`` if ``z > 0`` else ``0.01 z`` [3]_
        - 'elu': ``z`` if ``z > 0`` else ``exp(z) - 1`` [4]_
        - 'selu': 1.0507 times ``z`` if ``z > 0`` else ``1.6733 (exp(z) - 1)`` [5]_
        - 'gelu': ``z Phi(z)``, with Phi the standard normal distribution function [6]_
        - 'logistic': ``1 / (1 + exp(-z))``
        - 'silu': ``z / (1 + exp(-z))`` [7]_
        - 'mish': ``z tanh(log(1 + exp(z)))`` [8]_
        - 'softplus': ``log(1 + exp(z))`` [9]_
        - 'tanh': ``tanh(z)``
        - 'softsign': ``z / (1 + |z|)`` [10]_
        - 'hard_sigmoid': ``z / 6 + 1 / 2`` clipped to [0, 1], as in Keras and PyTorch

        Or one that was registered with :func:`sknn.register_activation`.
    solver : str, default='adam'
        How the weights are found:

        - 'sgd': stochastic gradient descent with momentum; with all rows in a batch and
          no momentum, plain gradient descent
        - 'adam': steps along the mean gradient, divided by the root of the mean of its
          square [11]_
        - 'amsgrad': 'adam' with the largest mean square so far [12]_
        - 'adamw': 'adam' with ``weight_decay`` [13]_
        - 'nadam': 'adam' with Nesterov's momentum [14]_
        - 'adagrad': steps along the gradient, divided by the root of the sum of its
          squares [15]_
        - 'rmsprop': steps along the gradient, divided by the root of the mean of its
          square [16]_
        - 'lion': steps of the learning rate, with the sign of a mean gradient; wants a
          ``learning_rate_init`` three to ten times smaller than 'adam' [17]_
        - 'lbfgs': scipy's quasi-Newton method, which looks at all rows in each step and
          suits small data
    alpha : float, default=0.0001
        Strength of the L2 penalty on the weights, not on the biases. It is divided by
        the number of rows of the batch (or the sum of their weights), so that it weighs
        more in smaller batches. ``weight_decay`` does not.
    batch_size : int, default='auto'
        Rows in a batch; 'auto' is ``min(200, n_samples)``. Not used by 'lbfgs'.
    learning_rate : str or callable, default='constant'
        Schedule of the learning rate, for all solvers but 'lbfgs'. With ``e`` the
        number of epochs done, ``t`` that of samples seen and ``r`` the initial rate:

        - 'constant': ``r``
        - 'invscaling': ``r / (t + 1) ** power_t``
        - 'adaptive': divides the rate by 5 whenever training would otherwise stop,
          until it is as low as 1e-6
        - 'step': ``r * decay_rate ** (e // decay_epochs)``
        - 'exponential': ``r * decay_rate ** (e / decay_epochs)``
        - 'plateau': multiplies the rate by ``decay_rate`` whenever training would
          otherwise stop (Keras' ``ReduceLROnPlateau``, with ``n_iter_no_change`` as
          patience), until that happens at a rate of 1e-6 or lower
        - 'inverse_time': ``r / (1 + decay_rate * e / decay_epochs)`` (Keras'
          ``InverseTimeDecay``, in epochs)
        - 'cosine': falls from r to 0 over ``max_iter`` epochs
        - 'cosine_restarts': falls from r to 0 over ``decay_epochs`` epochs, then over
          twice as many, and so on [18]_
        - 'one_cycle': rises from r / 25 to r in the first 30% of the epochs, and then
          falls to nearly nothing [19]_
        - 'coslog4': rises from 0 to r and falls to 0 four times over ``max_iter``
          epochs, each time twice as slowly as before; heeded in each step [20]_

        A function takes e and returns the rate. With ``solver='adam'``, 'invscaling'
        and 'adaptive' are 'constant', as in scikit-learn; the others are heeded by
        'adam' too. ``history_["learning_rate"]`` holds the rate of each epoch.
    learning_rate_init : float, default=0.001
        Initial, or highest, learning rate of all solvers but 'lbfgs'.
    power_t : float, default=0.5
        Exponent of 'invscaling'.
    max_iter : int, default=200
        The most epochs, or iterations of 'lbfgs'.
    shuffle : bool, default=True
        Whether to draw a new order of the rows in each epoch. Not used by 'lbfgs'.
    random_state : int, RandomState instance or None, default=None
        Draws the initial weights, the validation set, the order of the rows and what is
        dropped. An int makes every call of ``fit`` give the same result.
    tol : float or None, default=1e-4
        Training stops when the loss, or the validation score, has not improved by at
        least this much for more than ``n_iter_no_change`` epochs. None: it never stops,
        but runs for ``max_iter`` epochs, without a warning. For 'lbfgs', the largest
        entry of the gradient at which to stop.
    verbose : bool or int, default=False
        Whether to print a line for each epoch or iteration: the loss and, where
        ``history_`` has them, the validation loss, validation score and metrics. With
        early stopping and without ``metrics`` the lines are scikit-learn's, the loss
        and the validation score. Says on stderr, once, if kernels are being compiled.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the last call. The layers must not
        have changed. With early stopping, the same rows are held out each time.
    momentum : float, default=0.9
        Momentum of 'sgd', from 0 to 1.
    nesterovs_momentum : bool, default=True
        Whether the momentum of 'sgd' takes Nesterov's form.
    early_stopping : bool, default=False
        Whether to hold out a validation set (or use the one given to ``fit``), to stop
        when its score no longer improves, and to keep the weights that scored best. Not
        used by 'lbfgs'.
    validation_fraction : float, default=0.1
        Share of the rows held out by ``early_stopping`` or ``validate``. They are drawn
        class by class, or combination of labels, but where one is too rare to be on
        both sides.
    beta_1 : float, default=0.9
        Decay of the mean of the gradient in 'adam' and its relatives ('adamw', 'nadam',
        'amsgrad', 'lion'), in [0, 1).
    beta_2 : float, default=0.999
        Decay of the mean of its square in 'adam', 'adamw', 'nadam' and 'amsgrad', and
        of the mean that 'lion' keeps, in [0, 1).
    epsilon : float, default=1e-8
        Keeps all solvers but 'sgd', 'lion' and 'lbfgs' from dividing by zero.
    n_iter_no_change : int, default=10
        Epochs without improvement that are waited for; ``np.inf`` waits for ever. Not
        used by 'lbfgs'.
    max_fun : int, default=15000
        The most evaluations of the loss by 'lbfgs'.
    n_hidden_layers : int, default=None
        Number of hidden layers of the width ``hidden_layer_sizes``: a plain number to
        search over. None takes as many as ``hidden_layer_sizes`` has.
    dropout : float or sequence of float, default=0.0
        Share of the outputs of the hidden layers, or of each of them, that is set to
        zero in training, drawn anew for each row [21]_. Not for 'lbfgs'.
    input_dropout : float, default=0.0
        The same for the inputs. Not for 'lbfgs'.
    normalization : str, default=None
        Normalises what enters each hidden activation. 'batch' is not for 'lbfgs'; with
        it, rows that are left over join the batch before them where they are fewer than
        an eighth of ``batch_size``, and a batch of one row is normalised by the running
        statistics.

        - 'batch': normalises each neuron over the rows of the batch [22]_
        - 'layer': normalises each row over the neurons of the layer [23]_
    numeric_embedding : str, default=None
        Replaces each column of numbers by ``numeric_embedding_size`` trained functions
        of it, which the first dense layer takes in its place. X need not be scaled.

        - 'periodic': the column, centred, scaled and squashed, and sums of cosines of
          it [20]_
        - 'piecewise_linear': piecewise-linear functions, constant beyond the training
          data [24]_

        Columns with fewer than three distinct values are passed on as they are, behind
        all others. Which columns are embedded, and their bins and scales, follow from
        the rows of the first call; of very many rows, from a sample. CSR inputs are
        refused.
    numeric_embedding_size : int, default='auto'
        Number of functions of each column that ``numeric_embedding`` replaces. 'auto'
        is 16 for 'piecewise_linear', and 4 for 'periodic', for which it is 2 or more.
    n_bins : int, default=64
        The most bins of a column with ``numeric_embedding='piecewise_linear'``: within
        a bin the functions are straight. Edges are quantiles of the training rows, in
        which these count by their weights; where a column has few distinct values, they
        are all edges.
    categorical_features : array-like of int, bool or str, default=None
        Columns of codes 0, 1, 2 and so on: their numbers, a mask, or their names. Each
        code becomes a trained vector; where there are few of them, indicators, of which
        two codes need but one, -1 or 1. Any other number, such as -1 or a code that the
        rows of the first call do not have, is an unknown code: a vector of its own,
        which is zero where no row has one, or zeros. Codes may come from
        :class:`~sklearn.preprocessing.OrdinalEncoder`. CSR inputs are refused.
    categorical_embedding_size : int, default=8
        Size of the vectors of ``categorical_features``. A column with so many codes, or
        fewer, becomes indicators.
    kernel_initializer : str or sequence of str, default='auto'
        How the initial weights of all layers, or of each hidden layer, are drawn:

        - 'auto': scikit-learn's rule, 'glorot_uniform' with a smaller bound for
          logistic layers
        - 'glorot_uniform': uniform, with the variance ``2 / (fan_in + fan_out)`` [10]_
        - 'glorot_normal': normal, with the variance ``2 / (fan_in + fan_out)`` [10]_
        - 'he_uniform': uniform, with the variance ``2 / fan_in`` [25]_
        - 'he_normal': normal, with the variance ``2 / fan_in`` [25]_
        - 'lecun_uniform': uniform, with the variance ``1 / fan_in`` [26]_
        - 'lecun_normal': normal, with the variance ``1 / fan_in`` [26]_
        - 'uniform': uniform in [-0.05, 0.05]
        - 'normal': normal, with a standard deviation of 0.05
        - 'orthogonal': rows or columns, the fewer, that are orthonormal [27]_
        - 'unit_variance': normal, and divided so that the weighted sum of each neuron
          has the variance 1 over the training rows [28]_

        Where each hidden layer has its own, the output layer has 'auto'.
    bias_initializer : {'auto', 'zeros', 'data'}, default='auto'
        Initial biases: 'auto' draws them with the weights where these are 'auto', and
        is 'zeros' elsewhere. 'data' makes the weighted sum of each neuron zero at a
        random mean of five training rows, drawn by their weights, so that its kink lies
        amid them ('he+5') [29]_.
    parametrization : {'standard', 'ntk'}, default='standard'
        'ntk' lets the weights W of a layer learn at the learning rate divided by
        ``sqrt(fan_in)``, and its biases b, and ``numeric_embedding``, at a tenth of it
        [30]_ [20]_. The initial weights 'auto' are then 'lecun_normal', with biases of
        zero. With 'adam' and its relatives this is the network ``z = x V / sqrt(fan_in)
        + b`` with initial V of variance 1, where ``coefs_`` holds ``W = V /
        sqrt(fan_in)``: but ``epsilon`` would count ``sqrt(fan_in)`` times as much
        there, and ``alpha`` and ``max_norm`` are about W. (With 'sgd' it is not: V
        would learn as if W had the learning rate divided by ``fan_in``.) Not for
        'lbfgs'.
    feature_scaling : bool, default=False
        Whether each feature is multiplied by a trained factor, which starts at 1 and
        learns at six times the learning rate: features that do not matter shrink
        [20]_. Not for sparse X.
    parametric_activation : bool, default=False
        Whether each hidden neuron computes ``x + a (f(x) - x)`` in the place of its
        activation f(x), with a trained weight a, which starts at 1 and learns at a
        tenth of the learning rate [20]_.
    n_shared_members : int, default=None
        Trains so many networks at once, two or more, which share the weights of their
        hidden layers and differ in few numbers of their own, and averages their
        predictions (TabM) [31]_: an ensemble that costs less than independent
        networks, and is often better; 32 is usual. The loss that is minimised, also
        ``loss_``, is the mean of the members' losses. What a validation set is scored
        by, its loss and all metrics are those of the averaged predictions. Not for
        sparse X, nor with ``normalization='batch'``.
    member_factors : {'all', 'inputs'}, default='all'
        What members have of their own beside the output layer: 'all' multiplies the
        inputs and the outputs of each hidden layer by trained factors of each member,
        and gives each member biases of its own; 'inputs' multiplies the inputs of the
        network alone (TabM-mini), which is faster. The first factors begin as random
        signs, or with ``numeric_embedding`` as normal numbers, one for each column of
        X; all others begin as 1.
    l1_ratio : float, default=0.0
        Share of the penalty ``alpha`` that is on the absolute values of the weights
        (L1), in [0, 1]; the rest is on half their squares. Not for 'lbfgs'.
    weight_decay : float, default='auto'
        Share of itself, times the learning rate, that each weight loses in each step,
        whatever the size of the batch [13]_; and so do the trained factors of
        ``feature_scaling`` and ``parametric_activation``, each at its own rate. 'auto'
        is 0.01 for 'adamw' and 0 for others. Not for 'lbfgs'.
    max_norm : float, default=None
        Largest Euclidean norm of the weights that enter a hidden neuron [21]_. Not for
        'lbfgs'.
    clipvalue : float, default=None
        Largest absolute value of an entry of the gradient. Not for 'lbfgs'.
    global_clipnorm : float, default=None
        Largest Euclidean norm of the whole gradient, which is shortened to it. Not for
        'lbfgs'.
    rho : float, default=0.9
        Decay of the mean of the squared gradient in 'rmsprop', in [0, 1).
    decay_rate : float, default=0.5
        What 'step' and 'exponential' multiply the learning rate by every
        ``decay_epochs``, and 'plateau' whenever training stalls; what 'inverse_time'
        adds to the divisor every ``decay_epochs``.
    decay_epochs : int, default=20
        Epochs between two steps of 'step', or of the first cycle of 'cosine_restarts';
        the unit of time of 'exponential' and 'inverse_time'.
    warmup_epochs : int, default=0
        Epochs in which the learning rate first rises to its initial value, in equal
        steps; the schedule begins after them. Not for 'lbfgs'.
    dropout_schedule : str, default=None
        How ``dropout`` and ``input_dropout`` change from epoch to epoch. None: not at
        all. Not used by 'lbfgs'.

        - 'flat_cos': the same in the first half of ``max_iter`` epochs, and then falls
          to 0 on half a wave of the cosine [20]_
        - 'cosine': falls to 0 over ``max_iter`` epochs on half a wave of the cosine
    weight_decay_schedule : str, default=None
        The same for ``weight_decay``, with the same values. Not used by 'lbfgs'.
    scoring : str or callable, default=None
        What ``early_stopping=True`` looks at: the name of a scorer of scikit-learn, a
        callable ``scoring(estimator, X, y)``, 'loss' for the negative validation
        loss, or 'neg_calibrated_log_loss' for the negative log loss with the
        temperature that is best for the validation set [32]_: how well classes are told
        apart, however sure the probabilities are. None is the accuracy. Greater is
        better. A score that is not a finite number gives a warning, and an error if it
        never is one.
    metrics : str, callable, sequence of them or dict of them, default=None
        Scorers to evaluate after each epoch, on the training data and, where there are
        any, the validation data, for ``history_``. The keys of a dict are their names
        there; those of a sequence have the name of the scorer or of its function, with
        its arguments where several have the same function. This takes a prediction for
        all rows.
    restore_best_weights : bool, default=True
        Whether early stopping returns to the weights that scored best.
    validate : bool, default=False
        Whether to hold out ``validation_fraction`` of the rows without stopping early:
        only to record their loss and score in ``history_``. Not for 'lbfgs', and not
        needed where a validation set is given to ``fit``.
    validation_splitter : cross-validation splitter, default=None
        What chooses the rows held out by ``early_stopping`` or ``validate``, in place
        of ``validation_fraction``: a splitter of scikit-learn, of whose last split the
        test rows are held out. ``KFold(5)`` holds out the last fifth,
        ``TimeSeriesSplit(9)`` the last tenth, ``GroupShuffleSplit(1)`` a fifth of the
        ``groups`` that ``fit`` gets. A splitter whose ``random_state`` is None draws by
        that of the network. Not for 'lbfgs'.
    standardize : bool, default=False
        Whether the network standardises its inputs: it subtracts the mean of each
        feature over the training rows and divides by the standard deviation, as
        ``StandardScaler`` does. Rows count by ``sample_weight``; those that are held
        out do not count. This is a part of the network, so that X is raw wherever it is
        passed, as validation data and to ``input_gradients``. Where X is sparse it is
        divided only; columns that are embedded stay as they are. ``partial_fit`` adds
        its rows to those before; a warm start and ``resume_fit`` keep what the weights
        were trained with.
    loss : str, default='log_loss'
        What is minimised, with ``p`` the probability of the true class:

        - 'log_loss': the log loss (cross-entropy), ``-log(p)`` of the true class
        - 'focal': the focal loss, ``-(1 - p)**focal_gamma log(p)``, which gives less
          weight to rows that are classified well [33]_
        - 'hinge': the hinge loss of support vector machines, Crammer and Singer's for
          more than two classes; with a ``decision_function`` in place of probabilities
          [34]_
    label_smoothing : float, default=0.0
        Share of each target that is spread evenly over all classes, in [0, 1), for
        ``loss='log_loss'`` [35]_.
    label_smoothing_schedule : str, default=None
        How ``label_smoothing`` changes from epoch to epoch, with the values of
        ``dropout_schedule``. Losses of the validation set have all of it. Not used by
        'lbfgs'.
    focal_gamma : float, default=2.0
        Exponent of ``loss='focal'``; 0 makes it the log loss.
    class_weight : dict, list of dict or 'balanced', default=None
        Weights of classes, which multiply ``sample_weight``. 'balanced' is ``n_samples
        / (n_classes * np.bincount(y))``, where rows count by their weights. For
        multilabel targets 'balanced', or a list with a dict for each label; what the
        labels give is multiplied. Scores, metrics and the validation loss count
        ``sample_weight`` alone.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; for multilabel targets ``0, ..., n_labels - 1``.
    coefs_ : list of ndarray of shape (fan_in, fan_out)
        Weights of each layer, float32 or float64 as X was. Views of one vector. With
        ``n_shared_members`` those of the output layer have the shape (n_members,
        fan_in, fan_out).
    intercepts_ : list of ndarray of shape (fan_out,)
        Biases of each layer. Where members have biases of their own, of shape
        (n_members, fan_out).
    gains_, shifts_ : list of ndarray of shape (width,)
        What multiplies and shifts the normalised inputs of each hidden activation. Only
        with ``normalization``.
    running_statistics_ : list of ndarray of shape (2, width)
        Running mean and variance for each hidden layer, with which predictions are
        made. Only with ``normalization='batch'``.
    feature_scales_ : list of one ndarray of shape (n_features,)
        Factors of the features. Only with ``feature_scaling``.
    activation_weights_ : list of ndarray of shape (width,)
        Weight of the activation of each hidden neuron, beside the identity. Only with
        ``parametric_activation``.
    member_input_scales_ : list of ndarray of shape (n_members, fan_in)
        Factors of the inputs of each member: of the first layer or, with
        ``member_factors='all'``, of each hidden layer. Only with ``n_shared_members``,
        as the next.
    member_output_scales_ : list of ndarray of shape (n_members, fan_out)
        Factors of the outputs of each hidden layer for each member. Only with
        ``member_factors='all'``.
    embedding_biases_ : list of ndarray of shape (n_columns, size)
        Shifts of each embedded column; of 'periodic' without that of the column itself.
        Only with ``numeric_embedding``.
    embedding_weights_ : list of ndarray of shape (n_columns, size)
        Factors of each embedded column. Only with
        ``numeric_embedding='piecewise_linear'``, as ``bin_weights_``.
    frequencies_, phases_ : list of ndarray of shape (n_columns, 16)
        Frequencies f, per unit of the squashed column s, and phases p of the cosines
        ``cos(2 pi f s + p)``. Only with ``numeric_embedding='periodic'``, as the next.
    periodic_weights_ : list of ndarray of shape (n_columns, size - 1, 16)
        Weights of the cosines.
    input_scales_ : list of ndarray of shape (2, n_columns)
        The median of each embedded column and one over its interquartile range, with
        which it is centred and scaled.
    category_vectors_ : list of ndarray of shape (n_numbers,)
        The vectors of all codes, and behind those of a column that of its unknown
        codes; the columns one after another. Only with ``categorical_features``, of
        which one has more codes than ``categorical_embedding_size``.
    bin_weights_ : list of ndarray of shape (n_all_bins, size)
        By how much the functions rise in each bin, beside their linear part; the bins
        of the columns one after another. Only with
        ``numeric_embedding='piecewise_linear'``, as the next.
    bin_edges_ : list of ndarray of shape (2, n_all_edges)
        The edges of the bins, and what the linear part takes in their place.
    input_statistics_ : list of ndarray of shape (3, n_features)
        Mean and standard deviation of each feature, and the number of rows, or the sum
        of their weights. The deviation of a constant feature is 0, and it is not
        divided. Only with ``standardize=True``.
    n_features_in_ : int
        Number of features seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had names.
    history_ : dict of lists of float
        One value for each epoch: 'loss', 'seconds', and 'learning_rate' but for
        'lbfgs'; with validation data 'val_loss' and 'val_score'; and for each of
        ``metrics`` its name, and its name after ``'val_'``. Epochs that nobody looks at
        may share their time evenly. Pickles leave 'seconds' out, so that equal fits are
        equal bytes.
    loss_ : float
        Loss of the last epoch, penalty included: the mean over its batches.
    loss_curve_ : list of float
        Loss of each epoch. Not for 'lbfgs', as the next three.
    best_loss_ : float or None
        Lowest loss; None with early stopping.
    validation_scores_ : list of float or None
        Validation score of each epoch; None without validation data.
    best_validation_score_ : float or None
        Highest validation score; None without early stopping.
    n_iter_ : int
        Epochs, or iterations of 'lbfgs', of the last call.
    t_ : int
        Samples seen in training: epochs times rows.
    n_layers_ : int
        Number of layers, those of the inputs and outputs included.
    n_outputs_ : int
        Number of outputs of the network.
    out_activation_ : str
        Turns the raw outputs ``z`` into predictions:

        - 'identity': ``z``; of 'hinge'
        - 'logistic': ``1 / (1 + exp(-z))``; of 'log_loss' and 'focal' for two classes
          and for multilabel targets
        - 'softmax': ``exp(z) / sum(exp(z))``, with the sum over classes; of 'log_loss'
          and 'focal' for more than two classes

    See Also
    --------
    MLPRegressor : The same network for numbers.

    Notes
    -----
    Features of very different size slow training down or make it diverge: set
    ``standardize=True``, or put a ``StandardScaler`` in front.

    Parameters of one hidden layer can be set, and searched, by its number:
    ``set_params(activation__0="tanh")``.

    A parameter of scikit-learn's that the chosen solver does not use is ignored, as in
    scikit-learn. Any other that has no effect is ignored with a warning; what 'lbfgs'
    cannot do, such as dropout, is refused, with the reason.

    ``summary`` prints a line for each layer. The kinds of layers are:

    - 'categorical_embedding': rows of trained tables in place of codes, indicators of
      few codes
    - 'one_hot': indicators in place of codes
    - 'dense': ``f(x W + b)``, with f the activation
    - 'unbiased_dense': ``x W``, with the same W for all members
    - 'dropout': sets a fraction of its inputs to zero in training
    - 'feature_scaling': ``x * s``, with a trained factor s for each feature [20]_
    - 'member_scaling': ``x * r``, with a trained factor r for each input of each member
      [31]_
    - 'member_affine': ``f(x * s + b)``, with a trained factor s and bias b for each
      neuron of each member, and f the activation [31]_
    - 'separate_dense': ``x W + b``, with W and b of its own for each member [31]_
    - 'batch_norm': normalises each neuron over the rows of the batch
    - 'layer_norm': normalises each row over the neurons of the layer
    - 'parametric_activation': ``x + a (f(x) - x)``, with f the activation and a trained
      a for each neuron [20]_
    - 'periodic': the column, centred, scaled and squashed, and sums of cosines of it
      [20]_
    - 'piecewise_linear': piecewise-linear functions, constant beyond the training data
      [24]_
    - 'standardization': subtracts the mean of each input, and divides by its standard
      deviation
    - 'uncentred_standardization': divides each input by its standard deviation, where X
      was sparse
    - 'target_standardization': multiplies predictions by the standard deviation of the
      target, and adds its mean

    References
    ----------
    .. [1] Y. Bengio, N. Leonard and A. Courville, "Estimating or Propagating Gradients
       Through Stochastic Neurons for Conditional Computation", 2013,
       https://arxiv.org/abs/1308.3432.
    .. [2] X. Glorot, A. Bordes and Y. Bengio, "Deep Sparse Rectifier Neural Networks",
       AISTATS 2011.
    .. [3] A. Maas, A. Hannun and A. Ng, "Rectifier Nonlinearities Improve Neural
       Network Acoustic Models", ICML 2013.
    .. [4] D. Clevert, T. Unterthiner and S. Hochreiter, "Fast and Accurate Deep Network
       Learning by Exponential Linear Units (ELUs)", ICLR 2016.
    .. [5] G. Klambauer et al., "Self-Normalizing Neural Networks", NeurIPS 2017.
    .. [6] D. Hendrycks and K. Gimpel, "Gaussian Error Linear Units (GELUs)", 2016,
       https://arxiv.org/abs/1606.08415.
    .. [7] S. Elfwing, E. Uchibe and K. Doya, "Sigmoid-Weighted Linear Units for Neural
       Network Function Approximation in Reinforcement Learning", Neural Networks 107,
       2018.
    .. [8] D. Misra, "Mish: A Self Regularized Non-Monotonic Activation Function", BMVC
       2020, https://arxiv.org/abs/1908.08681.
    .. [9] C. Dugas et al., "Incorporating Second-Order Functional Knowledge for Better
       Option Pricing", NeurIPS 2000.
    .. [10] X. Glorot and Y. Bengio, "Understanding the difficulty of training deep
       feedforward neural networks", AISTATS 2010.
    .. [11] D. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", 2014,
       https://arxiv.org/abs/1412.6980.
    .. [12] S. Reddi, S. Kale and S. Kumar, "On the Convergence of Adam and Beyond",
       ICLR 2018, https://arxiv.org/abs/1904.09237.
    .. [13] I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", ICLR
       2019.
    .. [14] T. Dozat, "Incorporating Nesterov Momentum into Adam", ICLR 2016 Workshop.
    .. [15] J. Duchi, E. Hazan and Y. Singer, "Adaptive Subgradient Methods for Online
       Learning and Stochastic Optimization", Journal of Machine Learning Research 12,
       2011.
    .. [16] T. Tieleman and G. Hinton, "Lecture 6.5 - RMSprop", Neural Networks for
       Machine Learning, Coursera, 2012.
    .. [17] X. Chen et al., "Symbolic Discovery of Optimization Algorithms", NeurIPS
       2023, https://arxiv.org/abs/2302.06675.
    .. [18] I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with Warm
       Restarts", ICLR 2017, https://arxiv.org/abs/1608.03983.
    .. [19] L. Smith and N. Topin, "Super-Convergence: Very Fast Training of Neural
       Networks Using Large Learning Rates", 2018, https://arxiv.org/abs/1708.07120.
    .. [20] D. Holzmüller, L. Grinsztajn and I. Steinwart, "Better by Default: Strong
       Pre-Tuned MLPs and Boosted Trees on Tabular Data", NeurIPS 2024,
       https://arxiv.org/abs/2407.04491.
    .. [21] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
       Overfitting", JMLR 15, 2014.
    .. [22] S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network
       Training by Reducing Internal Covariate Shift", ICML 2015.
    .. [23] J. Ba, J. Kiros and G. Hinton, "Layer Normalization", 2016,
       https://arxiv.org/abs/1607.06450.
    .. [24] Y. Gorishniy, I. Rubachev and A. Babenko, "On Embeddings for Numerical
       Features in Tabular Deep Learning", NeurIPS 2022,
       https://arxiv.org/abs/2203.05556.
    .. [25] K. He et al., "Delving Deep into Rectifiers", ICCV 2015,
       https://arxiv.org/abs/1502.01852.
    .. [26] Y. LeCun et al., "Efficient BackProp", Neural Networks: Tricks of the Trade,
       1998.
    .. [27] A. Saxe, J. McClelland and S. Ganguli, "Exact solutions to the nonlinear
       dynamics of learning in deep linear neural networks", ICLR 2014,
       https://arxiv.org/abs/1312.6120.
    .. [28] P. Krähenbühl et al., "Data-dependent Initializations of Convolutional
       Neural Networks", ICLR 2016, https://arxiv.org/abs/1511.06856.
    .. [29] I. Steinwart, "A Sober Look at Neural Network Initializations", 2019,
       https://arxiv.org/abs/1903.11482.
    .. [30] A. Jacot, F. Gabriel and C. Hongler, "Neural Tangent Kernel: Convergence and
       Generalization in Neural Networks", NeurIPS 2018,
       https://arxiv.org/abs/1806.07572.
    .. [31] Y. Gorishniy, A. Kotelnikov and A. Babenko, "TabM: Advancing Tabular Deep
       Learning with Parameter-Efficient Ensembling", ICLR 2025,
       https://arxiv.org/abs/2410.24210.
    .. [32] E. Berta, D. Holzmüller, M. I. Jordan and F. Bach, "Rethinking Early
       Stopping: Refine, Then Calibrate", 2025, https://arxiv.org/abs/2501.19195.
    .. [33] T. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017.
    .. [34] K. Crammer and Y. Singer, "On the Algorithmic Implementation of Multiclass
       Kernel-based Vector Machines", Journal of Machine Learning Research 2, 2001.
    .. [35] C. Szegedy et al., "Rethinking the Inception Architecture for Computer
       Vision", CVPR 2016.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sknn import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = make_pipeline(
    ...     StandardScaler(), MLPClassifier(max_iter=500, random_state=0)
    ... )
    >>> classifier.fit(X, y).score(X, y) > 0.95
    True
    """
