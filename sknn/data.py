"""Training data that do not fit into memory.

>>> from sknn.data import BatchSource
>>> source = BatchSource.from_parquet("trips/", target="duration")  # doctest: +SKIP
>>> model.fit(source)  # doctest: +SKIP
"""

from sknn.estimators.batch_source import BatchSource

__all__ = ["BatchSource"]


def __dir__() -> list[str]:
    return sorted(__all__)
