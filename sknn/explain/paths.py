"""Integrals of a gradient along straight paths, refined until they are complete."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

# Gauss-Legendre quadrature of two nodes, exact for cubic gradients, on [0, 1].
_NODES = 0.5 + np.array([-0.5, 0.5]) / np.sqrt(3)
_FIRST_SEGMENTS = 4
_ROUNDING = 256 * np.finfo(np.float64).eps

Function = Callable[[np.ndarray], np.ndarray]


class Paths(NamedTuple):
    """Contributions along paths, and how far they are from complete.

    Attributes
    ----------
    values : ndarray of shape (n_paths, n_outputs, n_features)
        The integrals, times the differences between the ends of a path.
    errors : ndarray of shape (n_paths,)
        Sum over the segments of a path of the largest gap of an output.
    is_complete : ndarray of bool of shape (n_paths,)
    """

    values: np.ndarray
    errors: np.ndarray
    is_complete: np.ndarray


class _Segments:
    """Parts of paths, with the contributions of each.

    Attributes
    ----------
    path : ndarray of int of shape (n_segments,)
    begin, end : ndarray of shape (n_segments,)
        Positions on the path, from 0 to 1.
    f_begin, f_end : ndarray of shape (n_segments, n_outputs)
        Predictions there.
    values : ndarray of shape (n_segments, n_outputs, n_features)
    gaps : ndarray of shape (n_segments,)
        By how much the contributions miss the difference of the predictions, the
        largest of the outputs.
    """

    names = ("path", "begin", "end", "f_begin", "f_end", "values", "gaps")

    def __init__(self, *arrays: np.ndarray):
        self.path, self.begin, self.end, self.f_begin, self.f_end = arrays[:5]
        self.values, self.gaps = arrays[5:]

    def kept(self, chosen: np.ndarray) -> list[np.ndarray]:
        """Return the arrays of some of the segments."""
        return [getattr(self, name)[chosen] for name in self.names]


class PathIntegral:
    """The integral of a gradient along straight paths from starts to ends.

    Each path is divided into segments. Where the contributions of a segment do not sum
    up to the difference of the predictions at its ends, as at the kinks of ReLU, the
    segment is halved.

    Parameters
    ----------
    predict : callable
        Takes points of shape (n, n_features); returns (n, n_outputs).
    gradient : callable
        Takes such points; returns (n, n_outputs, n_features).
    starts, ends : ndarray of shape (n_paths, n_features)
    """

    def __init__(
        self,
        predict: Function,
        gradient: Function,
        starts: np.ndarray,
        ends: np.ndarray,
    ):
        self.predict, self.gradient = predict, gradient
        self.starts, self.steps = starts, ends - starts

    def run(self, tol: float, max_evaluations: int) -> Paths:
        """Refine until the gaps of a path sum up to less than tol of its variation.

        The variation is how far the predictions move along the path, up and down. No
        path gets more than ``max_evaluations`` gradients.
        """
        n_paths = len(self.starts)
        segments, allowed = self._first(tol)
        while True:
            errors = np.bincount(segments.path, segments.gaps, n_paths)
            counts = np.bincount(segments.path, minlength=n_paths)
            is_open = errors > allowed
            is_open &= 2 * len(_NODES) * counts < max_evaluations
            # Of the gaps that sum up to more than is allowed, one at least is chosen.
            limits = np.where(is_open, allowed / (2 * counts), np.inf)
            is_split = segments.gaps > limits[segments.path]
            if not is_split.any():
                break
            segments = self._halved(segments, is_split)
        order = np.argsort(segments.path, kind="stable")
        firsts = np.cumsum(counts) - counts
        values = np.add.reduceat(segments.values[order], firsts)
        return Paths(values, errors, errors <= allowed)

    def _first(self, tol: float) -> tuple[_Segments, np.ndarray]:
        """Return the segments to begin with, and the gap that each path may have."""
        n_paths, n = len(self.starts), _FIRST_SEGMENTS
        marks = np.linspace(0, 1, n + 1)
        path = np.repeat(np.arange(n_paths), n + 1)
        f = self.predict(self._points(path, np.tile(marks, n_paths)))
        f = f.reshape(n_paths, n + 1, -1)
        variation = np.abs(np.diff(f, axis=1)).sum(axis=1).max(axis=1)
        allowed = np.maximum(tol * variation, _ROUNDING * np.abs(f).max(axis=(1, 2)))
        n_outputs = f.shape[2]
        segments = self._integrated(
            np.repeat(np.arange(n_paths), n),
            np.tile(marks[:-1], n_paths),
            np.tile(marks[1:], n_paths),
            f[:, :-1].reshape(-1, n_outputs),
            f[:, 1:].reshape(-1, n_outputs),
        )
        return segments, allowed

    def _halved(self, segments: _Segments, is_split: np.ndarray) -> _Segments:
        """Return the segments, some of them in halves."""
        path, begin, end, f_begin, f_end, _, _ = segments.kept(is_split)
        middle = (begin + end) / 2
        f_middle = self.predict(self._points(path, middle))
        halves = self._integrated(
            np.concatenate([path, path]),
            np.concatenate([begin, middle]),
            np.concatenate([middle, end]),
            np.concatenate([f_begin, f_middle]),
            np.concatenate([f_middle, f_end]),
        )
        others = segments.kept(~is_split)
        new = halves.kept(np.ones(len(halves.path), dtype=bool))
        return _Segments(*map(np.concatenate, zip(others, new, strict=True)))

    def _integrated(self, *arrays: np.ndarray) -> _Segments:
        """Return segments with their contributions and gaps."""
        path, begin, end, f_begin, f_end = arrays
        width = end - begin
        at = begin[:, np.newaxis] + width[:, np.newaxis] * _NODES
        points = self._points(np.repeat(path, len(_NODES)), at.ravel())
        gradients = self.gradient(points)
        gradients = gradients.reshape(len(path), len(_NODES), *gradients.shape[1:])
        scale = width[:, np.newaxis] * self.steps[path]
        values = gradients.mean(axis=1) * scale[:, np.newaxis]
        gaps = np.abs(values.sum(axis=2) - (f_end - f_begin)).max(axis=1)
        return _Segments(path, begin, end, f_begin, f_end, values, gaps)

    def _points(self, path: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Return points on paths."""
        points: np.ndarray = self.starts[path] + at[:, np.newaxis] * self.steps[path]
        return points
