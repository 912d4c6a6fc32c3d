"""From tables of mixed columns to arrays for a network."""

from sknn.tabular.encoder import TableEncoder

__all__ = ["TableEncoder"]


def __dir__() -> list[str]:
    return sorted(__all__)
