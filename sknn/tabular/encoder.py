"""The transformer that turns a table into an array for a network."""

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sknn._site import LinkToSite
from sknn._sklearn import (
    Interval,
    InvalidParameterError,
    StrOptions,
    check_feature_names_in,
    safe_indexing,
    validate_parameter_constraints,
)
from sknn.estimators.suggestions import did_you_mean
from sknn.estimators.twins import trained_twin
from sknn.estimators.validation import weights_of
from sknn.tabular.fitted_columns import CategoricalColumn, FittedColumn, Parts
from sknn.tabular.fitting import CategoryOptions, fit_column
from sknn.tabular.objects import column_name
from sknn.tabular.raw_columns import Column
from sknn.tabular.scaling import SCALINGS, TAILS, NumericBlock
from sknn.tabular.selection import categorical_mask
from sknn.tabular.summary import summary_of
from sknn.tabular.tables import is_frame, labels_of, read_table
from sknn.tabular.validation import validate_table

_OPTIONS: dict[str, list[str]] = {"numeric": [*SCALINGS], "tails": [*TAILS]}
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class TableEncoder(LinkToSite, TransformerMixin, BaseEstimator):
    """Encode a table of mixed columns as an array for a network.

    Takes data frames of pandas, polars and PyArrow, and arrays. Columns may hold
    numbers, categories, booleans, dates, durations and missing values (NaN, None,
    NaT, pandas.NA). The outputs are, in this order:

    1. *codes* of categorical columns with many categories, 0 to n - 1, to be embedded;
    2. *numbers*: numeric columns and the parts of dates, imputed by the median and
       scaled; then the second outputs of columns with heavy tails (``tails``);
    3. *indicators*: one-hot columns of categories; one column of -1 and 1 for two
       categories; a column of 0 and 1 for each column in which values were missing.

    Columns that are constant, or missing altogether, have no output.

    Parameters
    ----------
    categorical_features : 'from_dtype' or array-like, default='from_dtype'
        Names, indices or a mask of columns that hold categories, whatever their
        dtype. Columns of text, booleans, and the dtypes category, enum and dictionary
        are categorical in any case. Columns of integers are numeric unless named.
    numeric : {'robust', 'standard', 'quantile', 'passthrough'}, default='robust'
        How numbers are scaled:

        - 'robust': ``z / sqrt(1 + (z / 3)^2)``, z the difference from the median in
          units of the interquartile range [1]_. Lies between -3 and 3.
        - 'standard': as :class:`~sklearn.preprocessing.StandardScaler`.
        - 'quantile': to a normal distribution, as
          :class:`~sklearn.preprocessing.QuantileTransformer`.
        - 'passthrough': not at all. Missing values are still imputed.
    tails : {'linear', 'log'} or None, default=None
        The second output of columns that have values more than six interquartile
        ranges from the median, whose differences ``numeric='robust'`` squashes:

        - 'linear': the standardised number.
        - 'log': ``sign(z) log(1 + |z|)``.
        - None: no second output.
    one_hot_max_size : int, default=8
        The most categories, without missing values, that are encoded as one-hot
        columns. Columns with more become codes.
    min_frequency : int or float or None, default=None
        Categories with fewer rows are infrequent and share a code or a one-hot
        column. A float is a fraction of all rows. None counts no category as
        infrequent.
    dtype : {numpy.float32, numpy.float64}, default=numpy.float32
        The dtype of the output.

    Attributes
    ----------
    columns_ : list of object
        What was learnt of each column: objects with the attributes ``has_missing``
        and, for categories, ``categories``, for numbers, ``minimum`` and ``maximum``,
        for dates, ``parts``. :meth:`summary` shows them.
    categorical_indices_ : ndarray of shape (n_embedded,), dtype=int
        The outputs that are codes.
    n_categories_ : ndarray of shape (n_embedded,), dtype=int
        The number of codes of each. Missing values have the last code if there were
        some in training. Categories that are new to ``transform``, and missing values
        that are, have the code of infrequent categories; where there is none, the code
        ``n_categories_``, which no training row has.
    numeric_indices_ : ndarray of shape (n_numeric,), dtype=int
        The outputs that are scaled numbers.
    indicator_indices_ : ndarray of shape (n_indicators,), dtype=int
        The outputs that are one-hot, binary or missingness columns. If all columns of
        the table are constant, the only output is a column of zeros, which is one of
        these.
    output_columns_ : ndarray of shape (n_outputs,), dtype=int
        The number of the column that each output was made of.
    n_features_in_ : int
        Number of columns seen by ``fit``.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only if all are strings.

    See Also
    --------
    sklearn.compose.ColumnTransformer : Transformers of your choice for some columns.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by default: Strong
       pre-tuned MLPs and boosted trees on tabular data", NeurIPS 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from sknn.tabular import TableEncoder
    >>> X = np.array([[1, "red"], [2, "blue"], [None, "red"], [3, "green"]], object)
    >>> encoder = TableEncoder(numeric="passthrough").fit(X)
    >>> print(encoder.get_feature_names_out())
    ['x0' 'missingindicator_x0' 'x1_blue' 'x1_green' 'x1_red']
    >>> print(encoder.transform(X))
    [[1. 0. 0. 0. 1.]
     [2. 0. 1. 0. 0.]
     [2. 1. 0. 0. 1.]
     [3. 0. 0. 1. 0.]]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "categorical_features": [StrOptions({"from_dtype"}), "array-like"],
        "numeric": [StrOptions(set(SCALINGS))],
        "tails": [StrOptions(set(TAILS)), None],
        "one_hot_max_size": [Interval(Integral, 0, None, closed="left")],
        "min_frequency": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="neither"),
            None,
        ],
        "dtype": "no_validation",
    }

    def __init__(
        self,
        *,
        categorical_features: Any = "from_dtype",
        numeric: str = "robust",
        tails: str | None = None,
        one_hot_max_size: int = 8,
        min_frequency: float | None = None,
        dtype: Any = np.float32,
    ) -> None:
        self.categorical_features = categorical_features
        self.numeric = numeric
        self.tails = tails
        self.one_hot_max_size = one_hot_max_size
        self.min_frequency = min_frequency
        self.dtype = dtype

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "TableEncoder":
        """Learn categories and scales from the columns of a table.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            The table.
        y : object, default=None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, which count in medians, scales and frequencies. Rows
            of weight zero are left out.

        Returns
        -------
        self : TableEncoder

        Raises
        ------
        ValueError, TypeError
            If a column holds what cannot be encoded: free text, infinity, complex
            numbers, several types. The message names it, and a remedy.
        """
        self._check_parameters()
        with trained_twin(self) as twin:
            twin._fit(X, sample_weight)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Encode a table.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            A table with the same columns as in ``fit``.

        Returns
        -------
        X_out : ndarray of shape (n_samples, n_outputs)
            In the dtype of the parameter ``dtype``.
        """
        check_is_fitted(self)
        X = validate_table(self, X, reset=False)
        return self._encode(read_table(X), X.shape[0])

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the outputs.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns, for a table that has none: by default x0, x1, ...

        Returns
        -------
        names : ndarray of shape (n_outputs,), dtype=object
        """
        check_is_fitted(self)
        names = self._output_names(check_feature_names_in(self, input_features))
        unique: dict[str, None] = {}
        for name in [*names.codes, *names.numbers, *names.indicators]:
            while name in unique:
                name += "_"
            unique[name] = None
        return np.array(list(unique), dtype=object)

    @property
    def output_columns_(self) -> np.ndarray:
        """The number of the column that each output was made of."""
        check_is_fitted(self)
        names = check_feature_names_in(self, None)
        parts = joined(
            Parts(*([k] * len(group) for group in fitted.names(name)))
            for k, (fitted, name) in enumerate(zip(self.columns_, names, strict=True))
        )
        if self._numeric is not None:
            parts.numbers.extend([parts.numbers[k] for k in self._numeric.heavy])
        columns = [number for group in parts for number in group]
        return np.array(columns or [0], dtype=np.intp)

    def _typical_row(self) -> np.ndarray:
        """Return an encoded row with the medians of numbers, and of no category."""
        row = np.zeros((1, len(self.output_columns_)))
        row[0, self.categorical_indices_] = self.n_categories_
        if self._numeric is not None:
            medians = self._numeric.medians[np.newaxis].copy()
            row[:, self.numeric_indices_] = self._numeric.transform(medians)
        return row.astype(self.dtype)

    def summary(self) -> str:
        """Return a table of the columns: their kind, their encoding, their values.

        Returns
        -------
        text : str
        """
        check_is_fitted(self)
        names = check_feature_names_in(self, None)
        outputs = {
            "codes": len(self.categorical_indices_),
            "numbers": len(self.numeric_indices_),
            "indicators": len(self.indicator_indices_),
        }
        return summary_of(names, self.columns_, outputs)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    # Checks ---------------------------------------------------------------------------

    def _check_parameters(self) -> None:
        parameters = self.get_params(deep=False)
        name = type(self).__name__
        try:
            validate_parameter_constraints(
                self._parameter_constraints, parameters, name
            )
        except InvalidParameterError as error:
            for parameter, options in _OPTIONS.items():
                question = did_you_mean(parameter, parameters[parameter], options)
                error.args = (f"{error}{question}",)
            raise
        try:
            is_float = np.dtype(self.dtype) in _FLOATS
        except TypeError:
            is_float = False
        if not is_float:
            raise ValueError(
                f"The 'dtype' parameter of {name} must be numpy.float32 or "
                f"numpy.float64. Got {self.dtype!r} instead."
            )

    # Fitting --------------------------------------------------------------------------

    def _fit(self, X: Any, sample_weight: Any) -> None:
        X = validate_table(self, X, reset=True)
        rows = np.empty((X.shape[0], 1))
        weights = weights_of(sample_weight, rows, np.dtype(np.float64))
        if weights is not None and not weights.all():
            X = safe_indexing(X, np.flatnonzero(weights))
            weights = weights[weights > 0]
        n_rows, labels, table = X.shape[0], labels_of(X), read_table(X)
        named = categorical_mask(self.categorical_features, labels, is_frame(X))
        least = self.min_frequency or 0
        if not isinstance(least, Integral):
            least *= n_rows if weights is None else weights.sum()
        options = CategoryOptions(float(least), self.one_hot_max_size)
        self.columns_ = [
            fit_column(label, column, is_named, weights, options)
            for label, column, is_named in zip(labels, table, named, strict=True)
        ]
        parts = _encoded(
            (fitted, column)
            for fitted, column in zip(self.columns_, table, strict=True)
            if not isinstance(fitted, CategoricalColumn)
        )
        self._numeric = None
        if parts.numbers:
            numbers = self._stacked(parts.numbers, n_rows)
            self._numeric = NumericBlock.fit(numbers, weights, self.numeric, self.tails)
        self._set_indices()

    def _set_indices(self) -> None:
        """Set the attributes that say which outputs are of which group."""
        names = self._output_names(check_feature_names_in(self, None))
        ends = np.cumsum([len(group) for group in names])
        n_outputs = int(ends[-1])
        groups = np.split(np.arange(n_outputs), ends[:-1])
        self.categorical_indices_, self.numeric_indices_, self.indicator_indices_ = (
            groups
        )
        self.n_categories_ = np.array(
            [
                fitted.n_codes
                for fitted in self.columns_
                if isinstance(fitted, CategoricalColumn) and fitted.is_embedded
            ],
            dtype=np.intp,
        )

    def _output_names(self, names_in: np.ndarray) -> Parts:
        """Return the names of the outputs by group, from those of the columns."""
        pairs = zip(self.columns_, names_in, strict=True)
        names = joined(fitted.names(name) for fitted, name in pairs)
        if self._numeric is not None:
            heavy = [f"{names.numbers[k]}_{self.tails}" for k in self._numeric.heavy]
            names.numbers.extend(heavy)
        return names if any(names) else Parts([], [], ["constant"])

    # Encoding -------------------------------------------------------------------------

    def _encode(self, table: list[Column], n_rows: int) -> np.ndarray:
        parts = _encoded(zip(self.columns_, table, strict=True))
        n_codes, n_numbers = len(self.n_categories_), len(self.numeric_indices_)
        n_outputs = n_codes + n_numbers + len(self.indicator_indices_)
        encoded = np.zeros((n_rows, n_outputs), dtype=self.dtype)
        for output, values in enumerate(parts.codes):
            encoded[:, output] = values
        for output, values in enumerate(parts.indicators, n_codes + n_numbers):
            encoded[:, output] = values
        if self._numeric is not None:
            scaled = self._numeric.transform(self._stacked(parts.numbers, n_rows))
            with np.errstate(over="ignore"):
                encoded[:, n_codes : n_codes + n_numbers] = scaled
            self._refuse_overflow(encoded)
        return encoded

    def _stacked(self, numbers: list[np.ndarray], n_rows: int) -> np.ndarray:
        """Return columns of numbers as one array, in column-major order."""
        stacked = np.empty((n_rows, len(numbers)), order="F")
        for output, values in enumerate(numbers):
            stacked[:, output] = values
        if np.isinf(stacked).any():
            column = np.isinf(stacked).any(axis=0).argmax()
            names = self._output_names(check_feature_names_in(self, None)).numbers
            raise ValueError(
                "Input X contains infinity or a value too large for dtype('float64'). "
                f"It is in column {names[column]!r}. Replace infinity by a large "
                "number, or by NaN, which is imputed."
            )
        return stacked

    def _refuse_overflow(self, encoded: np.ndarray) -> None:
        is_finite = np.isfinite(encoded).all(axis=0)
        if not is_finite.all():
            name = self.get_feature_names_out()[np.argmin(is_finite)]
            raise ValueError(
                f"{column_name(name)} holds values too large for {encoded.dtype}. "
                "Divide it by a constant, or set numeric='robust' or dtype=np.float64."
            )


def _encoded(pairs: Iterable[tuple[FittedColumn, Column]]) -> Parts:
    return joined(fitted.encode(column) for fitted, column in pairs)


def joined(parts: Iterable[Parts]) -> Parts:
    """Return the groups of several columns, one after the other."""
    joined = Parts([], [], [])
    for each in parts:
        for group, more in zip(joined, each, strict=True):
            group.extend(more)
    return joined
