"""The parts of the docstrings that both estimators share."""

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sknn.estimators.decorators import Method
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.kernels.layers.normalization import NORMALIZATIONS
from sknn.kernels.losses.table import (
    CLASSIFICATION_LOSSES,
    OUTPUT_ACTIVATIONS,
    REGRESSION_LOSSES,
    Loss,
    elementwise_names,
    losses_of_classifier,
)
from sknn.kernels.optim.optimizers import SOLVERS
from sknn.network.initializers import INITIALIZERS
from sknn.network.layers.table import LAYERS
from sknn.training.schedules import SCHEDULES

_WIDTH = 88
_Documented = TypeVar("_Documented")

_SHARED = {
    "parameters": """\
hidden_layer_sizes : array-like of int or int, default=(100,)
    Number of neurons in each hidden layer; ``()`` makes a linear model. A plain number
    is the width of one layer, or of ``n_hidden_layers``.
activation : str or sequence of str, default='relu'
    Activation of the hidden layers, or of each of them, as a function of the weighted
    sum ``z``:

    {activations}

    Or one that was registered with :func:`sknn.register_activation`.
solver : str, default='adam'
    How the weights are found:

    {solvers}
    - 'lbfgs': scipy's quasi-Newton method, which looks at all rows in each step and
      suits small data
alpha : float, default=0.0001
    Strength of the L2 penalty on the weights, not on the biases. It is divided by the
    number of rows of the batch (or the sum of their weights), so that it weighs more
    in smaller batches. ``weight_decay`` does not.
batch_size : int, default='auto'
    Rows in a batch; 'auto' is ``min(200, n_samples)``. Not used by 'lbfgs'.
learning_rate : str or callable, default='constant'
    Schedule of the learning rate, for all solvers but 'lbfgs'. With ``e`` the number
    of epochs done, ``t`` that of samples seen and ``r`` the initial rate:

    {schedules}

    A function takes e and returns the rate. With ``solver='adam'``, 'invscaling' and
    'adaptive' are 'constant', as in scikit-learn; the others are heeded by 'adam' too.
    ``history_["learning_rate"]`` holds the rate of each epoch.
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
    least this much for more than ``n_iter_no_change`` epochs. None: it never stops, but
    runs for ``max_iter`` epochs, without a warning. For 'lbfgs', the largest entry of
    the gradient at which to stop.
verbose : bool or int, default=False
    Whether to print a line for each epoch or iteration, with all that ``history_``
    gets.
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
    class by class, or combination of labels, but where one is too rare to be on both
    sides.
beta_1 : float, default=0.9
    Decay of the mean of the gradient in 'adam' and its relatives ('adamw', 'nadam',
    'amsgrad', 'lion'), in [0, 1).
beta_2 : float, default=0.999
    Decay of the mean of its square in 'adam', 'adamw', 'nadam' and 'amsgrad', and of
    the mean that 'lion' keeps, in [0, 1).
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
    Share of the outputs of the hidden layers, or of each of them, that is set to zero
    in training, drawn anew for each row [dropout]_. Not for 'lbfgs'.
input_dropout : float, default=0.0
    The same for the inputs. Not for 'lbfgs'.
normalization : str, default=None
    Normalises what enters each hidden activation. 'batch' is not for 'lbfgs'; with it,
    rows that are left over join the batch before them where they are fewer than an
    eighth of ``batch_size``, and a batch of one row is normalised by the running
    statistics.

    {normalizations}
kernel_initializer : str or sequence of str, default='auto'
    How the initial weights of all layers, or of each hidden layer, are drawn:

    - 'auto': scikit-learn's rule, 'glorot_uniform' with a smaller bound for logistic
      layers
    {initializers}

    Where each hidden layer has its own, the output layer has 'auto'.
bias_initializer : {'auto', 'zeros'}, default='auto'
    Initial biases: 'auto' draws them with the weights where these are 'auto', and is
    'zeros' elsewhere.
l1_ratio : float, default=0.0
    Share of the penalty ``alpha`` that is on the absolute values of the weights (L1),
    in [0, 1]; the rest is on half their squares. Not for 'lbfgs'.
weight_decay : float, default='auto'
    Share of itself, times the learning rate, that each weight loses in each step,
    whatever the size of the batch [adamw]_. 'auto' is 0.01 for 'adamw' and 0 for
    others. Not for 'lbfgs'.
max_norm : float, default=None
    Largest Euclidean norm of the weights that enter a hidden neuron [dropout]_. Not for
    'lbfgs'.
clipvalue : float, default=None
    Largest absolute value of an entry of the gradient. Not for 'lbfgs'.
global_clipnorm : float, default=None
    Largest Euclidean norm of the whole gradient, which is shortened to it. Not for
    'lbfgs'.
rho : float, default=0.9
    Decay of the mean of the squared gradient in 'rmsprop', in [0, 1).
decay_rate : float, default=0.5
    What 'step' and 'exponential' multiply the learning rate by every ``decay_epochs``,
    and 'plateau' whenever training stalls; what 'inverse_time' adds to the divisor
    every ``decay_epochs``.
decay_epochs : int, default=20
    Epochs between two steps of 'step', or of the first cycle of 'cosine_restarts'; the
    unit of time of 'exponential' and 'inverse_time'.
warmup_epochs : int, default=0
    Epochs in which the learning rate first rises to its initial value, in equal steps;
    the schedule begins after them. Not for 'lbfgs'.
scoring : str or callable, default=None
    What ``early_stopping=True`` looks at: the name of a scorer of scikit-learn, a
    callable ``scoring(estimator, X, y)``, or 'loss' for the negative validation loss.
    None is {default_score}. Greater is better. A score that is not a finite number
    gives a warning, and an error if it never is one.
metrics : sequence of str or callable, or dict of them, default=None
    Scorers to evaluate after each epoch, on the training data and, where there are
    any, the validation data, for ``history_``. The keys of a dict are their names
    there; those of a sequence have the name of the scorer or of its function, with its
    arguments where several have the same function. This takes a prediction for all
    rows.
restore_best_weights : bool, default=True
    Whether early stopping returns to the weights that scored best.
validate : bool, default=False
    Whether to hold out ``validation_fraction`` of the rows without stopping early: only
    to record their loss and score in ``history_``. Not for 'lbfgs', and not needed
    where a validation set is given to ``fit``.""",
    "attributes": """\
coefs_ : list of ndarray of shape (fan_in, fan_out)
    Weights of each layer, float32 or float64 as X was. Views of one vector.
intercepts_ : list of ndarray of shape (fan_out,)
    Biases of each layer.
gains_, shifts_ : list of ndarray of shape (width,)
    What multiplies and shifts the normalised inputs of each hidden activation. Only
    with ``normalization``.
running_statistics_ : list of ndarray of shape (2, width)
    Running mean and variance for each hidden layer, with which predictions are made.
    Only with ``normalization='batch'``.
n_features_in_ : int
    Number of features seen in ``fit``.
feature_names_in_ : ndarray of shape (n_features_in_,)
    Names of the features, where X had names.
history_ : dict of lists of float
    One value for each epoch: 'loss', 'seconds', and 'learning_rate' but for 'lbfgs';
    with validation data 'val_loss' and 'val_score'; and for each of ``metrics`` its
    name, and its name after 'val_'. Epochs that nobody looks at may share their time
    evenly. Pickles leave 'seconds' out, so that equal fits are equal bytes.
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
    Number of outputs of the network.""",
    "notes": """\
Features of very different size slow training down or make it diverge: put a
``StandardScaler`` in front.

Parameters of one hidden layer can be set, and searched, by its number:
``set_params(activation__0="tanh")``.

A parameter of scikit-learn's that the chosen solver does not use is ignored, as in
scikit-learn. Any other that has no effect is ignored with a warning; what 'lbfgs'
cannot do, such as dropout, is refused, with the reason.

``summary`` prints a line for each layer. The kinds of layers are:

{layers}

References
----------
{references}""",
}


_VALIDATION = """\
X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
    Validation data. Their loss and score are recorded in each epoch; with
    ``early_stopping=True`` they take the place of the rows that would be held out. They
    must have been transformed as X was. A :class:`~sklearn.pipeline.Pipeline` passes
    them on as they are, unless metadata routing is enabled, this estimator requests
    them, ``set_fit_request(X_val=True, y_val=True)``, and the Pipeline has
    ``transform_input=["X_val"]``. Data that lie far outside of X give a warning.
y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
    Targets of the validation data, transformed as y was: a
    :class:`~sklearn.compose.TransformedTargetRegressor` does not transform them.
sample_weight_val : array-like of shape (n_val,), default=None
    Weights of the validation data."""


# Publications that the text cites by these names. Components bring their own.
_REFERENCES = {
    "dropout": 'N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural '
    'Networks from Overfitting", JMLR 15, 2014',
    "label_smoothing": CLASSIFICATION_LOSSES["smoothed_log_loss"].reference,
}
_CITATION = re.compile(r"\[([a-z]\w*)\]_")


def _listed(components: Mapping[str, Any]) -> str:
    """Return an item with the description of each component, and what it cites."""
    items = []
    for name, component in components.items():
        item = f"- '{name}': {component.description}"
        if reference := getattr(component, "reference", ""):
            key = name
            while _REFERENCES.setdefault(key, reference) != reference:
                key += "_"  # a component of another table has this name
            item += f" [{key}]_"
        items.append(item)
    return "\n".join(items)


def _joined(names: list[str]) -> str:
    *others, last = [f"'{name}'" for name in names]
    return f"{', '.join(others)} and {last}" if others else last


def _links_of_regressor() -> str:
    """Return an item for each output activation, with the losses that have it."""
    items = []
    for link, output in OUTPUT_ACTIVATIONS.items():
        names = [name for name, loss in REGRESSION_LOSSES.items() if loss.link == link]
        if names:
            items.append(f"- '{link}': {output.description}; of {_joined(names)}")
    return "\n".join(items)


def _links_of_classifier() -> str:
    """Return an item for each output activation, with the losses that have it."""

    def with_link(link: str, prefix: str) -> list[str]:
        losses: Mapping[str, Loss] = CLASSIFICATION_LOSSES
        return [
            name
            for name in losses_of_classifier()
            if losses[f"{prefix}{name}"].link == link
        ]

    items = []
    for link, output in OUTPUT_ACTIVATIONS.items():
        by_class, by_label = with_link(link, ""), with_link(link, "binary_")
        if names := by_class + [name for name in by_label if name not in by_class]:
            item = f"- '{link}': {output.description}; of {_joined(names)}"
            if not by_label:
                item += " for more than two classes"
            if not by_class:
                item += " for two classes and for multilabel targets"
            items.append(item)
    return "\n".join(items)


def _links_for_users() -> str:
    """Return an item for each output activation that a user's loss may have."""
    return _listed({name: OUTPUT_ACTIVATIONS[name] for name in elementwise_names()})


# Lists in the text: what the tables say about their entries.
_LISTS = {
    "activations": _listed(ACTIVATIONS),
    "solvers": _listed(SOLVERS),
    "schedules": _listed(SCHEDULES),
    "normalizations": _listed(NORMALIZATIONS),
    "initializers": _listed(INITIALIZERS),
    "layers": _listed(LAYERS),
    "losses_of_classifier": _listed(losses_of_classifier()),
    "losses_of_regressor": _listed(REGRESSION_LOSSES),
    "links_of_classifier": _links_of_classifier(),
    "links_of_regressor": _links_of_regressor(),
    "links_for_users": _links_for_users(),
}


def documented(**sections: str) -> Callable[[_Documented], _Documented]:
    """Fill shared parts, and lists of components, into the docstring of an object.

    Parameters
    ----------
    **sections : str
        Sections of this object alone, by name.

    Returns
    -------
    decorator : callable
    """

    def fill(target: _Documented) -> _Documented:
        text = inspect.cleandoc(target.__doc__ or "")
        for name, section in (_SHARED | _LISTS | sections).items():
            for indent in re.findall(rf"^( *)\{{{name}\}}$", text, re.MULTILINE):
                lines = textwrap.indent(section, indent)
                text = text.replace(f"\n{indent}{{{name}}}\n", f"\n{lines}\n")
            text = text.replace(f"{{{name}}}", section)
        text = _numbered(text)
        target.__doc__ = "\n".join(
            line for long in text.split("\n") for line in _wrapped(long)
        )
        return target

    return fill


def takes_validation(method: Method) -> Method:
    """Fill the section on validation data into the docstring of a method."""
    text = inspect.cleandoc(method.__doc__ or "")
    method.__doc__ = text.replace("{validation}", _VALIDATION)
    return method


def _numbered(text: str) -> str:
    """Return the text with numbered citations and a list of what they cite."""
    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        n = numbers.setdefault(_REFERENCES[match[1]], len(numbers) + 1)
        return f"[{n}]_"

    text = _CITATION.sub(number, text)
    listed = "\n".join(f".. [{n}] {cited}." for cited, n in numbers.items())
    return text.replace("{references}", listed)


def _wrapped(line: str) -> list[str]:
    """Break a line that a component's description has made too long."""
    if len(line) <= _WIDTH or " : " in line:
        return [line]
    body = line.lstrip()
    indent = line[: len(line) - len(body)]
    indent += "  " if body.startswith("- ") else "   " if body.startswith(".. ") else ""
    return textwrap.wrap(
        line,
        _WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
