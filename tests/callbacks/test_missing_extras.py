"""What callbacks say where the library that they need is not installed."""

import pytest

import sknn._extras
from sknn.callbacks import MLflowCallback, ModelCheckpoint, progress_bar
from sknn.callbacks.optuna_pruning import OptunaPruningCallback


@pytest.fixture
def without_libraries(monkeypatch):
    def not_found(name):
        raise ModuleNotFoundError(name=name.partition(".")[0])

    monkeypatch.setattr(sknn._extras, "import_module", not_found)


class Trial:
    def report(self, value, step):
        pass

    def should_prune(self):
        return True


CALLS = {
    "mlflow": lambda: MLflowCallback(),
    "optuna": lambda: OptunaPruningCallback(Trial()).on_epoch_end(
        0, {"val_score": 0.0}
    ),
    "progress": lambda: progress_bar(),
    "io": lambda: ModelCheckpoint("net.skops").on_train_begin({}),
}


@pytest.mark.parametrize("extra", CALLS)
def test_one_line_names_the_extra(extra, without_libraries):
    with pytest.raises(ImportError, match=rf"pip install 'sknn\[{extra}\]'") as error:
        CALLS[extra]()
    assert "\n" not in str(error.value)


def test_progress_bars_before_scikit_learn_1_9(monkeypatch):
    pytest.importorskip("rich")
    import sys

    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    with pytest.raises(ImportError, match=r"need scikit-learn 1\.9 or later"):
        progress_bar()
