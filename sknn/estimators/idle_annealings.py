"""Which schedules of regularization have nothing to change."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sknn.training.options import TrainingOptions

# The parameter that each schedule multiplies.
STRENGTHS = {
    "dropout_schedule": "dropout",
    "weight_decay_schedule": "weight_decay",
    "label_smoothing_schedule": "label_smoothing",
}


def idle_annealings(parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name of each such parameter, and a sentence that says so."""
    chosen = [name for name in STRENGTHS if parameters.get(name) is not None]
    if not chosen:
        return
    options = TrainingOptions.of(parameters)
    dropout = np.asarray(parameters["dropout"], dtype=object)
    is_there = {
        "dropout": bool(np.any(dropout != 0) or parameters["input_dropout"]),
        "weight_decay": options.regularization.decay(options.solver) != 0,
        "label_smoothing": bool(
            parameters["loss"] == "log_loss" and parameters.get("label_smoothing")
        ),
    }
    for name in chosen:
        strength = STRENGTHS[name]
        if not is_there[strength]:
            yield (
                name,
                f"{name}={parameters[name]!r} has no effect with {strength}="
                f"{parameters[strength]!r}, which it multiplies. Set {strength}, or "
                f"leave {name} at its default, None.",
            )
