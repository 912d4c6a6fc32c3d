"""The table that ``summary`` prints."""

from typing import NamedTuple

import numpy as np

from sknn.network.layout import Architecture


class _Line(NamedTuple):
    layer: str
    width: int
    n_parameters: int


def _lines(architecture: Architecture) -> list[_Line]:
    units, last = architecture.units, len(architecture.units) - 1
    dropout = architecture.dropout or (0.0,) * last
    lines = [_Line("input", units[0], 0)]
    if dropout[0]:
        lines.append(_Line(f"input: dropout {dropout[0]:g}", units[0], 0))
    for k, (fan_in, fan_out) in enumerate(architecture.shapes, start=1):
        n_parameters = fan_in * fan_out + fan_out
        if k == last:
            lines.append(
                _Line(f"output: dense, {architecture.link}", fan_out, n_parameters)
            )
            break
        activation = architecture.activations[k - 1]
        if architecture.normalization:
            kind = architecture.normalization
            n_own = 4 * fan_out if kind == "batch" else 2 * fan_out
            lines.append(_Line(f"hidden {k}: dense", fan_out, n_parameters))
            name = f"hidden {k}: {kind} norm, {activation}"
            lines.append(_Line(name, fan_out, n_own))
        else:
            name = f"hidden {k}: dense, {activation}"
            lines.append(_Line(name, fan_out, n_parameters))
        if dropout[k]:
            lines.append(_Line(f"hidden {k}: dropout {dropout[k]:g}", fan_out, 0))
    return lines


def summary_of(estimator) -> str:
    """Return the layers of a fitted estimator, with shapes and parameters, as text."""
    network = estimator._network_of_weights(np.float64)
    lines = _lines(network.architecture)
    width = max(24, *(len(line.layer) for line in lines))
    rule = "-" * (width + 30)
    table = [
        type(estimator).__name__,
        rule,
        f"{'layer':<{width}}  {'output shape':>15}{'parameters':>13}",
        rule,
    ]
    for line in lines:
        shape = f"(None, {line.width})"
        table.append(f"{line.layer:<{width}}  {shape:>15}{line.n_parameters:>13,}")
    untrained = network.n_parameters - network.n_trained
    total = f"parameters: {network.n_parameters:,}"
    if untrained:
        total += f", of which {untrained:,} are running statistics"
    return "\n".join([*table, rule, total])
