"""The types of which a fitted encoder consists."""

from sknn.tabular.encoder import TableEncoder
from sknn.tabular.fitted_columns import CategoricalColumn, DateColumn, NumericColumn
from sknn.tabular.scaling import SCALINGS, TAILS, NumericBlock, Shift

STORED_TYPES = [
    *(TableEncoder, NumericColumn, DateColumn, CategoricalColumn, NumericBlock, Shift),
    *dict.fromkeys([*SCALINGS.values(), *TAILS.values()]),
]
