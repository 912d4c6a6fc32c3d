"""The table of parameters that notebooks show, in two groups, below a picture."""

from collections.abc import Iterable
from copy import copy
from typing import Any

TITLE = "<summary>Parameters</summary>"
OWN_TITLE = "<summary>Parameters that scikit-learn does not have</summary>"


def in_groups(table: Any, first: Iterable[str], picture: str) -> Any:
    """Return scikit-learn's table of parameters with some of them first.

    Parameters
    ----------
    table : ParamsDict
        Renders its items as HTML, those in ``non_default`` marked and in front.
    first : iterable of str
        The parameters of the first group, which are scikit-learn's.
    picture : str
        SVG to show above them, or "".
    """
    first = set(first)
    groups = []
    for belongs in (first.__contains__, lambda name: name not in first):
        group = copy(table)
        group.data = {name: table[name] for name in table if belongs(name)}
        groups.append(group)

    class Groups(type(table)):  # type: ignore[misc]
        """The table of all parameters, shown as two."""

        def _html_repr(self) -> str:
            ours = groups[1]._html_repr().replace(TITLE, OWN_TITLE)
            return f"{picture}{groups[0]._html_repr()}{ours}"

    whole = copy(table)
    whole.__class__ = Groups
    return whole
