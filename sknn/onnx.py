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

from importlib.util import find_spec
from typing import TYPE_CHECKING

from sknn.estimators.base import BaseMLP
from sknn.estimators.classifier import MLPClassifier
from sknn.estimators.regressor import MLPRegressor
from sknn.export.onnx_models import model_of

if TYPE_CHECKING:
    import onnx

__all__ = ["register_skl2onnx", "to_onnx"]


def __dir__() -> list[str]:
    return sorted(__all__)


def to_onnx(
    estimator: BaseMLP,
    *,
    zipmap: bool | str = False,
    nocl: bool = False,
    target_opset: int | dict[str, int] | None = None,
) -> "onnx.ModelProto":
    """Return a fitted network as an ONNX model.

    Its input is ``X``, of shape (n_samples, n_features), in the dtype of the weights:
    float32 if the network was fitted on float32, else float64. Batch normalisation
    becomes a part of the products, and dropout is left out.

    The outputs of a classifier are ``label``, as ``predict`` returns it, in the dtype
    of ``classes_``; and ``probabilities``, as ``predict_proba`` returns them, or
    ``scores``, as ``decision_function`` does. That of a regressor is ``variable``, as
    ``predict`` returns it.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted. A class derived from one of them may change the layers, but not the
        methods that predict.
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
        If an option is wrong, or if a layer or an activation that was registered, or
        the class, has no definition for ONNX.

    Examples
    --------
    >>> from sknn import MLPRegressor
    >>> from sknn.onnx import to_onnx
    >>> model = MLPRegressor((3,), solver="lbfgs").fit([[0.0], [1.0]], [1.0, 2.0])
    >>> [output.name for output in to_onnx(model).graph.output]
    ['variable']
    """
    model: onnx.ModelProto = model_of(estimator, zipmap, nocl, target_opset)
    return model


def register_skl2onnx(*estimators: type) -> None:
    """Let skl2onnx convert estimators of sknn, by the same rules as `to_onnx`.

    The import of this module does so for the two estimators where skl2onnx is
    installed. Classes derived from them are registered by a call.

    Parameters
    ----------
    *estimators : type
        Classes. None: ``MLPClassifier`` and ``MLPRegressor``.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.
    TypeError
        If one is not a class of sknn or derived from one.
    """
    from sknn.export.skl2onnx_converters import register

    register(estimators or (MLPClassifier, MLPRegressor))


if find_spec("skl2onnx") is not None:
    register_skl2onnx()
