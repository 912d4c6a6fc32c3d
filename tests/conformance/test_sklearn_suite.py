"""scikit-learn's own tests of its MLPs, run on sknn's.

The file that was installed with scikit-learn is executed with one line exchanged: the
import of the two classes. Its tests keep their names, parameters and marks.
"""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import sknn

THEIR_IMPORT = "from sklearn.neural_network import MLPClassifier, MLPRegressor"
OUR_IMPORT = "from sknn import MLPClassifier, MLPRegressor"

# Tests of the inside of scikit-learn's class. All others have to pass.
NOT_APPLICABLE = {
    "test_gradient": "calls the private method _loss_grad_lbfgs",
    "test_learning_rate_warmstart": "reads the private _optimizer.learning_rate",
    "test_adaptive_learning_rate": "reads the private _optimizer.learning_rate",
}

# scikit-learn does not turn warnings into errors, and hides them.
pytestmark = pytest.mark.filterwarnings("ignore")


def load_suite():
    """Return scikit-learn's test module with our classes, and its original text."""
    spec = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
    text = Path(spec.origin).read_text(encoding="utf-8")
    module = ModuleType("test_mlp_of_sklearn")
    module.__file__ = spec.origin
    code = text.replace(THEIR_IMPORT, OUR_IMPORT)
    exec(compile(code, spec.origin, "exec"), vars(module))
    return module, text


SUITE, TEXT = load_suite()
THEIR_TESTS = {
    name: test for name, test in vars(SUITE).items() if name.startswith("test_")
}
for _name, _reason in NOT_APPLICABLE.items():
    THEIR_TESTS[_name] = pytest.mark.skip(reason=_reason)(THEIR_TESTS[_name])
globals().update(THEIR_TESTS)


@pytest.fixture
def global_random_seed():
    """Return the seed that scikit-learn's tests use by default."""
    return 42


def test_suite_runs_on_our_classes():
    assert TEXT.count(THEIR_IMPORT) == 1
    assert TEXT.count("from sklearn.neural_network") == 1
    assert SUITE.MLPClassifier is sknn.MLPClassifier
    assert SUITE.MLPRegressor is sknn.MLPRegressor


def test_suite_is_complete():
    names = [line[4:].split("(")[0] for line in TEXT.splitlines() if line[:4] == "def "]
    tests = {name for name in names if name.startswith("test_")}
    assert tests == set(THEIR_TESTS)
    assert len(tests) > 35


@pytest.mark.parametrize("name", NOT_APPLICABLE)
def test_skipped_tests_exist(name):
    assert f"def {name}(" in TEXT
    private = NOT_APPLICABLE[name].split()[-1]
    assert private in TEXT[TEXT.index(f"def {name}(") :].split("\ndef ")[0]
