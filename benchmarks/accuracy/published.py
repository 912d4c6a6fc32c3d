"""Figures of networks that are not run here, as rows like those that are measured."""

import json
from pathlib import Path

from benchmarks.results import Row, as_text

FILE = Path(__file__).with_name("published.json")


def about() -> str:
    """Return where the figures are from."""
    return _read()["about"]


def versions() -> dict[str, str]:
    """Return the version and the parameters of each method."""
    methods = _read()["methods"].items()
    return {name: f"{own['version']}; {own['parameters']}" for name, own in methods}


def rows() -> list[Row]:
    """Return a row for each method and set, of split 0."""
    return [
        as_text({"method": name, "set": set_, "split": 0} | figures)
        for name, own in _read()["methods"].items()
        for set_, figures in own["sets"].items()
    ]


def _read():
    return json.loads(FILE.read_text("utf-8"))
