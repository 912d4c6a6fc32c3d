"""A table of what an encoder learnt."""

from collections.abc import Iterable, Mapping

from sknn.tabular.fitted_columns import Description, FittedColumn

_HEADS = ("column", *Description._fields)


def summary_of(
    names: Iterable[str], columns: Iterable[FittedColumn], outputs: Mapping[str, int]
) -> str:
    """Return a line for each column, and one with the number of outputs.

    Parameters
    ----------
    names : iterable of str
        Names of the columns.
    columns : iterable of FittedColumn
    outputs : mapping of str to int
        The number of outputs of each group.
    """
    rows = [
        _HEADS,
        *(
            (str(name), *column.describe())
            for name, column in zip(names, columns, strict=True)
        ),
    ]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
    groups = ", ".join(f"{n} {group}" for group, n in outputs.items() if n)
    return "\n".join([*lines, f"{sum(outputs.values())} outputs: {groups}"])
