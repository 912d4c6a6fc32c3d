"""The section on ensembles: its table and its targets."""

import pytest

from benchmarks import tables, targets

ROW = {"network": "100", "one s": "0.5", "eight s": "3.9", "two cores s": "2.1"}
ROW |= {"eight / one": "7.8", "times as fast": "1.86", "predict eight / one": "7.5"}


def test_the_table_has_a_line_for_each_network():
    text = tables.ensembles([ROW, ROW | {"network": "20"}])
    assert "| 100 | 0.5 | 3.9 | 7.8 | 2.1 | 1.86 | 7.5 |" in text
    assert "| 20 | 0.5 |" in text


@pytest.mark.parametrize(
    ("eight", "fast", "met"), [("7.8", "1.86", "yes"), ("8.2", "1.7", "**no**")]
)
def test_eight_networks_have_targets(eight, fast, met):
    row = ROW | {"eight / one": eight, "times as fast": fast}
    found = targets.targets({"ensembles": [ROW, row]})
    assert [(each.asked, each.measured) for each in found] == [
        ("at most 8", eight),
        ("at least 1.8", fast),
    ]
    assert {each.met for each in found} == {met}
