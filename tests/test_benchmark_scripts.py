"""The benchmarks that are scripts of their own: what they measure; never a timing."""

from benchmarks import compiling, tabular_predictions
from benchmarks.startup import output_of


def test_the_limit_of_tabular_predictions_counts_all_weights(monkeypatch, capsys):
    for name, value in {"COLUMNS": (3,), "N_TURNS": 1, "SECONDS": 0}.items():
        monkeypatch.setattr(tabular_predictions, name, value)
    tabular_predictions.main()
    lines = capsys.readouterr().out.splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines[-2:]]
    # Columns of 8 numbers each: the column itself, whose tails are normal, in bins.
    of_one = 3 * 8 * 128 + 2 * 128 * 128 + 128
    found = [(cell[0], int(cell[2].replace(",", ""))) for cell in cells]
    assert found[0][0] == "default"
    assert 5 * of_one <= found[0][1] < 5.1 * of_one
    assert found[1] == ("quick", found[0][1] * 3 // 5)


def test_all_kernels_are_compiled_to_be_timed():
    before_the_loop = compiling._SCRIPT.partition("for kernel")[0]
    counted = output_of(before_the_loop + "print(len(COMPILED))", None)
    assert int(counted) > 100
