"""What the fuzz tests draw: every parameter, and the same examples each time."""

from pathlib import Path

import pytest
from processes import run
from strategies import DRAWN_APART, ESTIMATORS, OWN, SHARED


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_parameter_is_drawn(estimator):
    drawn = DRAWN_APART | SHARED.keys() | OWN[estimator].keys()
    assert drawn == estimator().get_params().keys()


EXAMPLES = """
import hashlib, json, re, sys
sys.path.insert(0, sys.argv[1])
import hypothesis
from fuzzing import settings_of
from strategies import SIZES, cases

found = []

@settings_of(50, derandomize=True)
@hypothesis.given(case=cases(sizes=tuple(SIZES)))
def look(case):
    without_addresses = re.sub("0x[0-9a-f]+", "", repr(case))
    found.append(hashlib.sha256(without_addresses.encode()).hexdigest())

look()
print(json.dumps([hash("a seed for each process"), found]))
"""


@pytest.mark.slow
def test_examples_do_not_depend_on_the_order_of_sets():
    """Which differs between processes, such as those that share the tests."""
    folder = Path(__file__).parent
    one, other = (run(EXAMPLES, folder, PYTHONHASHSEED=seed) for seed in "12")
    assert one[0] != other[0], "the seeds made no difference"
    assert len(one[1]) >= 50
    assert one[1] == other[1]
