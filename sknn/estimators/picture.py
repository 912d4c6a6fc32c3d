"""A small picture of a network, for the HTML that notebooks show.

It is SVG within the page, in the colour of the text around it, light or dark.
"""

from collections.abc import Sequence
from html import escape
from itertools import pairwise
from typing import Any

from sknn.estimators.summary import layers_of

_MOST_CIRCLES = 6  # of a layer; more neurons are shown by dots among them
_MOST_LAYERS = 12
_GAP, _STEP, _RADIUS = 92, 15, 4.5  # between layers, between neurons; pixels
_MIDDLE, _TEXT = 52, 118  # heights
_STYLE = "max-width:100%;height:auto;font:11px sans-serif;margin:0.3em"


def picture_of(estimator: Any) -> str:
    """Return the picture of a fitted network; "" where there is none.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    """
    if not hasattr(estimator, "coefs_"):
        return ""
    try:
        _, activations = layers_of(estimator)
        widths = [coef.shape[-1] for coef in estimator.coefs_]
        n_inputs = int(estimator.n_features_in_)
    except (AttributeError, TypeError, ValueError):  # arrays that do not fit together
        return ""
    layers = [(n_inputs, "inputs"), *zip(widths, activations, strict=True)]
    n_embedded = estimator.coefs_[0].shape[-2]
    if n_embedded != n_inputs:
        layers.insert(1, (n_embedded, "embedded"))
    return network_svg(layers)


def network_svg(layers: Sequence[tuple[int, str]]) -> str:
    """Return layers, given by their widths and what is written below, as SVG."""
    said = ", ".join(f"{width} {text}".strip() for width, text in layers)
    if len(layers) > _MOST_LAYERS:
        half = _MOST_LAYERS // 2
        layers = [*layers[:half], (0, "..."), *layers[1 - half :]]
    columns = [_heights(width) for width, _ in layers]
    xs = [_GAP // 2 + _GAP * k for k in range(len(layers))]
    lines = [
        f"M{x} {y:g}L{x + _GAP} {y_after:g}"
        for x, (heights, after) in zip(xs, pairwise(columns), strict=False)
        for y in heights
        for y_after in after
    ]
    parts = [f'<path d="{"".join(lines)}" stroke="currentColor" opacity="0.2"/>']
    for x, heights, (width, text) in zip(xs, columns, layers, strict=True):
        parts += [
            f'<circle cx="{x}" cy="{y:g}" r="{_RADIUS}" fill="currentColor"/>'
            for y in heights
        ]
        if width > len(heights):
            parts.append(_text(x, _MIDDLE + 4, "⋮"))
        parts.append(_text(x, _TEXT, str(width) if width else text))
        parts.append(_text(x, _TEXT + 13, text if width else ""))
    size = _GAP * len(layers), _TEXT + 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" '
        f'width="{size[0]}" height="{size[1]}" style="{_STYLE}" role="img" '
        f'aria-label="{escape(said)}">{"".join(parts)}</svg>'
    )


def _heights(width: int) -> list[float]:
    """Return where the circles of a layer lie; of wide ones none in the middle."""
    n = min(width, _MOST_CIRCLES)
    places = [k - (n - 1) / 2 for k in range(n)]
    if width > n:
        places = [place + (0.5 if place > 0 else -0.5) for place in places]
    return [_MIDDLE + _STEP * place for place in places]


def _text(x: float, y: float, text: str) -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="middle" fill="currentColor">'
        f"{escape(text)}</text>"
    )
