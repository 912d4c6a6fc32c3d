"""Fitted networks as ONNX graphs, which onnxruntime and many others run.

`to_onnx` needs the package ``onnx``, which the extra ``sknn[onnx]`` installs:

>>> from sklearn.datasets import load_iris
>>> from sknn import MLPClassifier
>>> from sknn.onnx import to_onnx  # pip install 'sknn[onnx]'
>>> X, y = load_iris(return_X_y=True)
>>> model = MLPClassifier(solver="lbfgs", random_state=0).fit(X, y)
>>> graph = to_onnx(model)
>>> with open("iris.onnx", "wb") as file:  # doctest: +SKIP
...     file.write(graph.SerializeToString())

Where skl2onnx is installed, the import of this module also registers the estimators
with it. ``skl2onnx.to_onnx`` then converts them, also within a Pipeline and other
estimators of scikit-learn.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from sknn.ensemble.base import BaseEnsembleMLP
from sknn.ensemble.classifier import EnsembleMLPClassifier
from sknn.ensemble.regressor import EnsembleMLPRegressor
from sknn.estimators.base import BaseMLP
from sknn.estimators.classifier import MLPClassifier
from sknn.estimators.hidden_layer import HiddenLayerTransformer
from sknn.estimators.regressor import MLPRegressor
from sknn.export.onnx_inputs import arrays_of
from sknn.export.onnx_models import Inputs, model_of
from sknn.tabular.base import BaseTabularMLP
from sknn.tabular.classifier import TabularMLPClassifier
from sknn.tabular.encoder import TableEncoder
from sknn.tabular.regressor import TabularMLPRegressor

if TYPE_CHECKING:
    import onnx

__all__ = ["register_skl2onnx", "to_inputs", "to_onnx"]

_REGISTERED = (
    *(MLPClassifier, MLPRegressor, EnsembleMLPClassifier, EnsembleMLPRegressor),
    *(TabularMLPClassifier, TabularMLPRegressor, TableEncoder, HiddenLayerTransformer),
)


def __dir__() -> list[str]:
    return sorted(__all__)


def to_onnx(
    estimator: BaseMLP | BaseEnsembleMLP | BaseTabularMLP | HiddenLayerTransformer,
    *,
    zipmap: bool | str = False,
    nocl: bool = False,
    target_opset: int | dict[str, int] | None = None,
    encoded: bool = False,
    input_types: Mapping[str, Any] | None = None,
    missing_text: str = "",
) -> "onnx.ModelProto":
    """Return a fitted network, or the networks of an ensemble, as an ONNX model.

    The input is ``X``, of shape (n_samples, n_features), in the dtype of the weights:
    float32 if the networks were fitted on float32, else float64. Batch normalisation
    becomes a part of the products, and dropout is left out. Of an ensemble, the graph
    has all networks, and the mean of their predictions.

    The graph of a tabular estimator begins with the raw table. It has an input of shape
    (n_samples, 1) for each column, of its name: numbers as float64, text as strings,
    booleans as bool, integers that are categories as int64, dates as microseconds since
    1970, int64. Booleans and integers that were missing in some training rows are
    float64. NaN stands for missing numbers, ``missing_text`` for missing text, the
    smallest int64 for missing dates. `to_inputs` makes these of a data frame.

    The outputs of a classifier are ``label``, as ``predict`` returns it, in the dtype
    of ``classes_``; and ``probabilities``, as ``predict_proba`` returns them, or
    ``scores``, as ``decision_function`` does. That of a regressor is ``variable``, as
    ``predict`` returns it, or ``transform`` of a HiddenLayerTransformer. One whose name
    is that of a column gets "_2" behind it.

    Parameters
    ----------
    estimator : estimator of sknn
        Fitted MLPClassifier or MLPRegressor, ensemble, tabular estimator or
        HiddenLayerTransformer. A class derived from one of them may change the layers,
        but not the methods that predict.
    zipmap : {False, True, "columns"}, default=False
        Form of the probabilities. True: a dict for each row, with the classes as keys
        and, as ONNX has no others, values in float32. "columns": an output for each
        class. skl2onnx calls its default True.
    nocl : bool, default=False
        Whether labels are indices of ``classes_`` rather than the classes themselves.
    target_opset : int, dict or None, default=None
        Version of ONNX's operators, from 13 on; or a dict with the versions for the
        domains "" and "ai.onnx.ml". None: 17, or the newest that ``onnx`` knows if that
        is lower.
    encoded : bool, default=False
        Of a tabular estimator, whether the graph begins after its encoder: the input is
        then ``X``, what ``estimator.encoder_.transform`` returns.
    input_types : mapping of str to dtype or None, default=None
        Of a tabular estimator, other types of some inputs: float32 or float64, bool or
        any integer for numbers, booleans and categories of integers.
    missing_text : str, default=""
        Of a tabular estimator, what stands for missing text.

    Returns
    -------
    model : onnx.ModelProto

    Raises
    ------
    ImportError
        If ``onnx`` is not installed.
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is not an estimator of sknn.
    ValueError
        If an option is wrong; if a layer or an activation that was registered, or the
        class, has no definition for ONNX; or if ONNX cannot hold a column of the
        table, as one that mixes text and numbers, or dates with a time zone.

    Examples
    --------
    >>> from sknn import MLPRegressor
    >>> from sknn.onnx import to_onnx
    >>> model = MLPRegressor(hidden_layer_sizes=3, solver="lbfgs")
    >>> model = model.fit([[0.0], [1.0]], [1.0, 2.0])
    >>> [output.name for output in to_onnx(model).graph.output]
    ['variable']
    """
    inputs = Inputs(encoded, input_types, missing_text)
    model: onnx.ModelProto = model_of(estimator, zipmap, nocl, target_opset, inputs)
    return model


def to_inputs(model: "onnx.ModelProto", X: Any) -> dict[str, np.ndarray]:
    """Return a table as the inputs of a model that `to_onnx` made.

    Programs that run the graph without sknn have to do the same: it shows how.

    Parameters
    ----------
    model : onnx.ModelProto
    X : data frame or array-like of shape (n_samples, n_features)
        A table with the columns of the training data; or an array, for a model with
        one input.

    Returns
    -------
    inputs : dict of str to ndarray
        For the ``run`` of onnxruntime's ``InferenceSession``.

    Raises
    ------
    ValueError
        If X has other columns, or one whose values its input cannot hold.

    Examples
    --------
    >>> import pandas as pd
    >>> from sknn.onnx import to_inputs, to_onnx
    >>> from sknn.tabular import TabularMLPClassifier
    >>> colors = ["red", "blue", None, "red"] * 10
    >>> X = pd.DataFrame({"size": range(40), "color": colors})
    >>> model = TabularMLPClassifier(preset="quick", max_iter=1).fit(X, X["size"] > 20)
    >>> inputs = to_inputs(to_onnx(model), X[:3])
    >>> inputs["color"].tolist(), inputs["size"].dtype
    ([['red'], ['blue'], ['']], dtype('float64'))
    """
    return arrays_of(model, X)


def register_skl2onnx(*estimators: type) -> None:
    """Let skl2onnx convert estimators of sknn, by the same rules as `to_onnx`.

    The import of this module does so for all of them, and for ``TableEncoder``, where
    skl2onnx is installed. Classes derived from them are registered by a call.

    Parameters
    ----------
    *estimators : type
        Classes. None: those of sknn.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.
    TypeError
        If one is not a class of sknn or derived from one.

    Examples
    --------
    >>> from skl2onnx import to_onnx  # doctest: +SKIP
    >>> from sknn import MLPClassifier
    >>> from sknn.onnx import register_skl2onnx
    >>> class Ours(MLPClassifier):
    ...     pass
    >>> register_skl2onnx(Ours)  # doctest: +SKIP
    >>> to_onnx(Ours().fit(X, y), X[:1])  # doctest: +SKIP
    """
    from sknn.export.skl2onnx_converters import register

    register(estimators or _REGISTERED)


if find_spec("skl2onnx") is not None:
    register_skl2onnx()
