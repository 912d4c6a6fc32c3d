"""What a user may have meant by a wrong name or value; only errors call this.

Keys of the tables are in lower case and without underscores. Misspelt words that are
not listed are compared with all options.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from inspect import signature
from numbers import Integral, Real
from typing import Any

import numpy as np

from sknn.kernels.losses.table import CLASSIFICATION_LOSSES, LOSSES

_LEAST_SIMILAR = 0.65  # of 0 to 1

# Words of Keras, PyTorch and others for a parameter.
_PARAMETERS = {
    "max_iter": "epochs epoch nepochs numepochs nbepoch maxepochs niter numiter "
    "iterations maxiterations niterations nestimators",
    "max_fun": "maxfev maxeval",
    "solver": "optimizer optimiser optim algorithm optimizertype",
    "hidden_layer_sizes": "hiddenlayers hiddenlayer hiddensizes hiddensize layers "
    "layersizes hidden hiddenunits hiddendim hiddendims hiddenchannels units nunits "
    "neurons nneurons numneurons nhidden numhidden architecture",
    "n_hidden_layers": "nlayers numlayers depth numhiddenlayers",
    "learning_rate_init": "lr eta eta0 initiallr baselr initiallearningrate stepsize "
    "learningrate0",
    "learning_rate": "schedule scheduler lrschedule lrscheduler lrdecay "
    "learningrateschedule",
    "decay_rate": "gamma lrgamma",
    "alpha": "l2 l2reg l2regularization reg regularization reglambda penalty "
    "kernelregularizer lambda weightpenalty",
    "l1_ratio": "l1 l1reg l1regularization",
    "weight_decay": "wd decay decoupledweightdecay",
    "validation_fraction": "validationsize valfraction valsize testsize",
    "validation_splitter": "cv validationcv splitter validationmethod",
    "n_iter_no_change": "patience earlystoppingpatience earlystoppingrounds",
    "tol": "mindelta tolerance",
    "random_state": "seed randomseed rng",
    "early_stopping": "earlystop earlystopper",
    "restore_best_weights": "restorebest savebestonly keepbest",
    "dropout": "dropoutrate drop dropouts pdropout dropoutprob dropoutp",
    "normalization": "batchnorm batchnormalization usebatchnorm layernorm bn norm",
    "numeric_embedding": "numemb numembedding embedding embeddings numericembeddings",
    "numeric_embedding_size": "dembedding embeddingsize embeddingdim",
    "n_bins": "nbin numbins bins pwlbins",
    "activation": "activationfunction activationfn activations nonlinearity act "
    "hiddenactivation",
    "loss": "criterion lossfunction lossfn objective cost lossfunc",
    "metrics": "metric evalmetric evalmetrics",
    "scoring": "monitor scorer earlystoppingmetric",
    "global_clipnorm": "clipnorm maxgradnorm gradclip gradientclipval gradclipnorm",
    "clipvalue": "gradclipvalue clipgrad",
    "max_norm": "kernelconstraint maxnormconstraint",
    "kernel_initializer": "init initializer weightinit weightinitializer kernelinit "
    "initialization",
    "bias_initializer": "biasinit",
    "parametrization": "parameterization parametrisation",
    "parametric_activation": "prelu useparametricact useparametricactivation",
    "n_shared_members": "tabmk numsharedmembers nsubmodels batchensemble",
    "feature_scaling": "scalinglayer featurescalinglayer",
    "nesterovs_momentum": "nesterov usenesterov",
    "epsilon": "eps",
    "warmup_epochs": "warmup warmupsteps",
    "dropout_schedule": "pdropsched dropoutsched",
    "weight_decay_schedule": "wdsched weightdecaysched",
    "label_smoothing_schedule": "lsepssched labelsmoothingsched",
    "sample_weight": "weights sampleweights weight",
    "class_weight": "classweights",
}
_WORDS = {word: name for name, words in _PARAMETERS.items() for word in words.split()}

# Words that ask for more than another name.
_SET = "Pass the validation set as X_val=... and y_val=... to fit."
_SPLIT = (
    "Set validation_fraction=..., with early_stopping=True or validate=True; "
    "validation_splitter=KFold(5) holds out the last fifth."
)
_CALLBACKS = "Set callbacks with the method set_callbacks(...)."
_OF_CLASSIFIER = "It is a parameter of MLPClassifier."
_OF_REGRESSOR = "It is a parameter of MLPRegressor."
_SENTENCES = {
    **dict.fromkeys(
        ["evalset", "validationdata", "validationset", "valdata", "valset", "devset"],
        _SET,
    ),
    **dict.fromkeys(["validationsplit", "valsplit", "validationratio"], _SPLIT),
    **dict.fromkeys(["callbacks", "callback"], _CALLBACKS),
    **dict.fromkeys(
        ["classweight", "labelsmoothing", "labelsmoothingschedule", "focalgamma"],
        _OF_CLASSIFIER,
    ),
    **dict.fromkeys(["delta", "quantile", "power", "standardizey"], _OF_REGRESSOR),
    "classes": "It is an argument of MLPClassifier.partial_fit.",
    "betas": "Set beta_1=... and beta_2=....",
    "dtype": "The dtype is that of X: pass X.astype('float32').",
    "device": "There is no other device than the processor.",
    "njobs": "The number of threads follows OMP_NUM_THREADS and threadpoolctl.",
    "amsgrad": "Set solver='amsgrad'.",
}

# Other spellings of values, by the parameter.
_VALUES = {
    "activation": {
        "identity": "linear none id lin",
        "logistic": "sigmoid sigm logsig expit",
        "silu": "swish",
        "tanh": "tanhyperbolic hyperbolictangent tansig",
        "relu": "rectifier rectifiedlinear relu6",
        "leaky_relu": "lrelu",
        "step": "heaviside threshold",
        "hard_sigmoid": "hardsigm",
    },
    "solver": {
        "lbfgs": "lbfgsb bfgs",
        "sgd": "momentum nesterov gradientdescent gd stochasticgradientdescent",
        "nadam": "nesterovadam",
    },
    "learning_rate": {
        "plateau": "reducelronplateau reduceonplateau onplateau",
        "cosine": "cosineannealing cosineannealinglr cosinedecay",
        "cosine_restarts": "cosineannealingwarmrestarts warmrestarts "
        "cosinedecayrestarts sgdr",
        "one_cycle": "onecyclelr cyclic",
        "exponential": "exponentiallr exponentialdecay expdecay",
        "step": "steplr stepdecay piecewiseconstant",
        "inverse_time": "inversetimedecay",
        "constant": "fixed none",
        "invscaling": "inversescaling",
    },
    "loss": {
        "squared_error": "mse meansquarederror l2 l2loss mseloss squaredloss rmse ls",
        "absolute_error": "mae meanabsoluteerror l1 l1loss lad",
        "huber": "smoothl1 smoothl1loss huberloss",
        "log_cosh": "logcosh",
        "quantile": "pinball quantileloss pinballloss",
        "poisson": "poissonnllloss poissondeviance",
        "log_loss": "binarycrossentropy crossentropy categoricalcrossentropy bce nll "
        "sparsecategoricalcrossentropy crossentropyloss bceloss bcewithlogits "
        "bcewithlogitsloss nllloss deviance logloss softmax logistic ce",
        "hinge": "svm maxmargin categoricalhinge multimarginloss",
        "focal": "focalloss binaryfocalcrossentropy categoricalfocalcrossentropy",
    },
    "numeric_embedding": {
        "piecewise_linear": "pwl pl ple piecewise piecewiselinear",
        "periodic": "pbld plr fourier cos",
    },
    "normalization": {
        "batch": "batchnorm batchnormalization bn batchnorm1d",
        "layer": "layernorm layernormalization ln",
    },
    "kernel_initializer": {
        "glorot_uniform": "glorot xavier xavieruniform",
        "glorot_normal": "xaviernormal",
        "he_uniform": "he kaiming kaiminguniform",
        "he_normal": "kaimingnormal",
        "lecun_uniform": "lecun",
        "normal": "gaussian randomnormal",
        "uniform": "randomuniform",
        "auto": "default none",
    },
    "bias_initializer": {"zeros": "zero none", "auto": "default"},
    "scoring": {
        "loss": "valloss validationloss negloss trainloss",
        "accuracy": "acc valacc valaccuracy accuracyscore",
        "balanced_accuracy": "balancedacc bacc",
        "roc_auc": "auc auroc aucroc rocaucscore",
        "neg_log_loss": "logloss crossentropy binarycrossentropy nll",
        "neg_mean_squared_error": "mse valmse",
        "neg_root_mean_squared_error": "rmse",
        "neg_mean_absolute_error": "mae valmae",
        "neg_mean_absolute_percentage_error": "mape",
        "matthews_corrcoef": "mcc",
        "r2": "r2score rsquared valscore",
    },
}
_VALUES["metrics"] = _VALUES["scoring"]


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _nearest(text: str, options: Iterable[str]) -> str | None:
    """Return the option that is spelt most like the text, if one is."""
    from difflib import get_close_matches

    by_plain = {_plain(option): option for option in sorted(options)}
    nearest = get_close_matches(_plain(text), by_plain, 1, _LEAST_SIMILAR)
    return by_plain[nearest[0]] if nearest else None


def option_meant(parameter: str, value: Any, options: Collection[str]) -> str | None:
    """Return the option of a parameter that another spelling of it stands for.

    It may be one of the other estimator.

    Parameters
    ----------
    parameter : str
    value : object
        A string; or what has a name, as a function; or None.
    options : collection of str
    """
    text = value if isinstance(value, str) else getattr(value, "__name__", None)
    if value is None:
        text = "none"
    if not isinstance(text, str):
        return None
    spellings = {
        word: option
        for option, words in _VALUES.get(parameter, {}).items()
        for word in words.split()
    }
    for option in sorted(options):
        if _plain(option) == _plain(text):
            return option
    meant = spellings.get(_plain(text))
    if meant is None and value is not None:
        return _nearest(text, options)
    return meant


def did_you_mean(parameter: str, value: Any, options: Collection[str]) -> str:
    """Return the question whether an option was meant, after a space, or ''."""
    is_loss = parameter == "loss" and isinstance(value, str)
    meant = option_meant(parameter, value, options)
    if is_loss and value in LOSSES:
        meant = value
    if meant in options:
        return f" Did you mean {meant!r}?"
    if is_loss and meant in LOSSES:
        is_of_classifier = meant in CLASSIFICATION_LOSSES
        other = "MLPClassifier" if is_of_classifier else "MLPRegressor"
        return f" {meant!r} is a loss of {other}."
    return ""


# Names ----------------------------------------------------------------------------


def suggestion_for_name(
    name: str, accepted: Collection[str], elsewhere: Mapping[str, str]
) -> str:
    """Return a sentence on a name that was not accepted, after a space, or ''.

    Parameters
    ----------
    name : str
        An argument or a parameter that does not exist.
    accepted : collection of str
        The names that exist.
    elsewhere : mapping of str to str
        Names that exist in another place, and where they go: a sentence for each.
    """
    sentence = _SENTENCES.get(_plain(name), "")
    if name in elsewhere:
        return f" {elsewhere[name]}"
    meant = _WORDS.get(_plain(name))
    if meant is None and not sentence:
        meant = _nearest(name, accepted) or _nearest(name, elsewhere)
    if meant in accepted:
        return f" Did you mean {meant!r} instead of {name!r}?"
    if meant is not None and meant in elsewhere:
        return f" Did you mean {meant!r} instead of {name!r}? {elsewhere[meant]}"
    if meant is not None and _plain(meant) in _SENTENCES:
        sentence = _SENTENCES[_plain(meant)]
        return f" Did you mean {meant!r} instead of {name!r}? {sentence}"
    return f" {sentence}" if sentence else ""


def names_of_arguments(function: Callable[..., Any]) -> list[str]:
    """Return the names of the arguments of a method or a class."""
    return [name for name in signature(function).parameters if name != "self"]


def arguments_of_fit(estimator: type) -> dict[str, str]:
    """Return the arguments of ``fit``, and where to pass them."""
    fit: Callable[..., Any] = getattr(estimator, "fit")  # noqa: B009
    return dict.fromkeys(names_of_arguments(fit), "Pass it to fit.")


def explain_call(
    error: TypeError,
    function: Callable[..., Any],
    estimator: Any,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
) -> None:
    """Add to an error what was meant, if the function cannot take these arguments."""
    try:
        signature(function).bind(estimator, *arguments, **options)
        return  # it was raised inside of the function
    except TypeError:
        pass
    own, accepted = type(estimator), names_of_arguments(function)
    if function.__name__ == "__init__":
        elsewhere = arguments_of_fit(own)
        by_name = f"{own.__name__}(hidden_layer_sizes=(100,), activation='relu')"
        positions = widths_by_position(arguments)
    else:
        elsewhere = {
            name: f"It is a parameter of the estimator: {own.__name__}({name}=...)."
            for name in names_of_arguments(own)
        }
        by_name = f"{function.__name__}(X, y, X_val=X_val, y_val=y_val)"
        positions = ""
    unknown = [name for name in options if name not in accepted]
    text = "".join(suggestion_for_name(name, accepted, elsewhere) for name in unknown)
    if "positional arguments but" in str(error):
        text += positions or f" Pass the others by name, as in {by_name}."
    # Python names the class that defines the function. 3.13 suggests names itself.
    begin = str(error).replace(
        function.__qualname__, f"{own.__name__}.{function.__name__}"
    )
    if text:
        begin = begin.partition(". Did you mean")[0].rstrip(".")
    error.args = (f"{begin}.{text}" if text else begin,)


# Values ---------------------------------------------------------------------------


def _is_width(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _widths_in(value: Any) -> list[Any]:
    """Return the widths of layers in an argument; empty if it holds anything else."""
    is_array = isinstance(value, np.ndarray) and value.ndim == 1
    values = list(value) if is_array or isinstance(value, (tuple, list)) else [value]
    return values if all(map(_is_width, values)) else []


def widths_by_position(values: Iterable[Any]) -> str:
    """Return a sentence on ``hidden_layer_sizes`` if all values are layer widths."""
    widths: list[Any] = []
    for value in values:
        more = _widths_in(value)
        if not more:
            return ""
        widths += more
    shown = ", ".join(map(str, widths)) + "," * (len(widths) == 1)
    return f" For the widths of the hidden layers write hidden_layer_sizes=({shown})."


def suggestion_for_value(
    parameter: str, parameters: Mapping[str, Any], options: Collection[str]
) -> str:
    """Return a sentence on an invalid value of a parameter, after a space, or ''.

    Parameters
    ----------
    parameter : str
        The parameter whose value is invalid.
    parameters : mapping of str to object
        All parameters, with their values.
    options : collection of str
        The strings that the parameter may be.
    """
    value, loss = parameters[parameter], parameters["loss"]
    sizes, activation = parameters["hidden_layer_sizes"], parameters["activation"]
    is_default = isinstance(sizes, tuple) and sizes == (100,)
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if parameter == "learning_rate" and is_number:
        return f" Give the rate itself as learning_rate_init={value}."
    if parameter == "hidden_layer_sizes" and isinstance(value, str):
        return " Write for example hidden_layer_sizes=(100, 50), activation='relu'."
    if parameter == "loss" and _widths_in(value):
        others = [] if is_default else [sizes]
        return (
            " The first positional parameter is loss, as in scikit-learn."
            f"{widths_by_position([value, *others]) or widths_by_position([value])}"
        )
    if parameter == "activation" and _is_width(value) and not is_default:
        firsts = [loss] if _widths_in(loss) else []
        return widths_by_position([*firsts, sizes, activation])
    text = did_you_mean(parameter, value, options)
    if not text and isinstance(value, str) and _is_literal(value):
        return f" Write {value} without quotes."
    return text


def _is_literal(text: str) -> bool:
    """Return whether a text is a number, True, False or None."""
    return bool(re.fullmatch(r"[-+]?\d*\.?\d+(e[-+]?\d+)?|True|False|None", text))
