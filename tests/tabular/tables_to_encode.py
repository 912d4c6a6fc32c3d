"""One table of mixed columns in all libraries of data frames, and a formula."""

import datetime

import numpy as np
import pandas as pd
import polars as pl

try:
    import pyarrow
except ImportError:
    pyarrow = None

N_ROWS = 41  # 4 k + 1, for which quantiles by all definitions agree
_RNG = np.random.RandomState(0)


def _with_gaps(values, *rows):
    return [None if row in rows else value for row, value in enumerate(values)]


def _days(first, counts, scale):
    start = datetime.datetime(*first)
    return [start + datetime.timedelta(**{scale: int(count)}) for count in counts]


_CITIES = [f"city{k:02d}" for k in range(12)]
# Lists of Python objects; None is missing.
COLUMNS = {
    "amount": (_RNG.standard_cauchy(N_ROWS) * 100).round(2).tolist(),
    "gaps": _with_gaps(_RNG.normal(size=N_ROWS).tolist(), 3, 8, 9, 40),
    "count": _RNG.randint(0, 4, size=N_ROWS).tolist(),
    "count_gaps": _with_gaps(_RNG.randint(0, 9, size=N_ROWS).tolist(), 0, 1, 2, 3),
    "color": [["red", "green", "blue"][k % 3] for k in range(N_ROWS)],
    "color_gaps": _with_gaps([["x", "y", "z"][k % 3] for k in range(N_ROWS)], 5, 6),
    "sex": [["m", "f"][k % 2] for k in range(N_ROWS)],
    "sex_gaps": _with_gaps([["m", "f"][k % 2] for k in range(N_ROWS)], 7),
    "city": _RNG.permutation(_CITIES * 4)[:N_ROWS].tolist(),
    "city_gaps": _with_gaps(_RNG.permutation(_CITIES * 4)[:N_ROWS].tolist(), 1, 2),
    "flag": [k % 5 == 0 for k in range(N_ROWS)],
    "flag_gaps": _with_gaps([k % 5 == 0 for k in range(N_ROWS)], 11),
    "when": _days((2023, 12, 1, 13, 30), _RNG.randint(0, 9000, size=N_ROWS), "hours"),
    "day_gaps": _with_gaps(
        [
            each.date()
            for each in _days((2024, 1, 5), _RNG.randint(0, 900, size=N_ROWS), "days")
        ],
        4,
    ),
    "lasted": [datetime.timedelta(seconds=int(s)) for s in _RNG.randint(999, size=41)],
    "same": [7] * N_ROWS,
    "empty": [None] * N_ROWS,
}


def pandas_objects(columns):
    return pd.DataFrame(
        {name: pd.Series(v, dtype=object) for name, v in columns.items()}
    )


def pandas_frame(columns):
    """Return the dtypes that pandas infers itself."""
    frame = pd.DataFrame(columns)
    for name in frame:
        if "day" in name:
            frame[name] = pd.to_datetime(frame[name])
    return frame


def pandas_nullable(columns):
    return pandas_frame(columns).convert_dtypes()


def pandas_categories(columns):
    frame = pandas_frame(columns)
    for name in frame:
        if any(word in name for word in ("color", "sex", "city", "flag")):
            frame[name] = frame[name].astype("category")
    return frame


def pandas_arrow(columns):
    return pandas_frame(columns).convert_dtypes(dtype_backend="pyarrow")


def numpy_objects(columns):
    array = np.empty((len(next(iter(columns.values()))), len(columns)), dtype=object)
    for k, values in enumerate(columns.values()):
        array[:, k] = values
    return array


def polars_frame(columns):
    return pl.DataFrame(columns, strict=False)


def polars_categories(columns):
    frame = polars_frame(columns)
    names = [name for name in columns if "color" in name or "city" in name]
    return frame.with_columns(pl.col(names).cast(pl.Categorical))


def polars_enums(columns):
    frame = polars_frame(columns)
    for name in columns:
        if "city" in name:
            frame = frame.with_columns(pl.col(name).cast(pl.Enum(sorted(_CITIES))))
    return frame


def arrow_table(columns):
    return pyarrow.table(columns)


def arrow_dictionaries(columns):
    table = pyarrow.table(columns)
    for k, name in enumerate(table.column_names):
        if "color" in name or "city" in name:
            table = table.set_column(k, name, table[name].dictionary_encode())
    return table


def arrow_batch(columns):
    return pyarrow.RecordBatch.from_pydict(columns)


FRAME = pandas_frame(COLUMNS)
NUMBERS = ["amount", "gaps", "count", "count_gaps"]
LIBRARIES = {
    "pandas": pandas_frame,
    "pandas, objects": pandas_objects,
    "pandas, nullable": pandas_nullable,
    "pandas, categories": pandas_categories,
    "polars": polars_frame,
    "polars, categories": polars_categories,
    "polars, enums": polars_enums,
    "numpy, objects": numpy_objects,
    "list": lambda columns: list(map(list, zip(*columns.values(), strict=True))),
}
if pyarrow is not None:
    LIBRARIES |= {
        "pandas, Arrow": pandas_arrow,
        "pyarrow": arrow_table,
        "pyarrow, dictionaries": arrow_dictionaries,
        "pyarrow, batch": arrow_batch,
    }


def squash(z):
    """Return scaled numbers as the encoder bounds them."""
    return z / np.sqrt(1 + (z / 3) ** 2)
