"""What explanations return: a contribution of each feature to each prediction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Attributions:
    """Contributions of features to predictions.

    ``base_values`` plus the sum of ``values`` over the features is ``predictions``, up
    to ``tol``. The names are those of SHAP's ``Explanation``, which takes ``values``,
    ``base_values``, ``data`` and ``feature_names`` as they are.

    Attributes
    ----------
    values : ndarray of shape (n_samples, n_features) or \
            (n_samples, n_outputs, n_features)
        Contributions; for several outputs, classes or labels, to each of them.
    base_values : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Predictions for the baseline; the mean over several.
    predictions : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Predicted numbers, or probabilities, of the rows.
    data : ndarray of shape (n_samples, n_features)
        What the network got; of a tabular estimator the table, as objects.
    feature_names : list of str
        Names of the features that the network got, or of the columns of the table.
    output_names : list of str
        Names of the outputs: the classes or labels, or their numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sknn.explain import Attributions
    >>> found = Attributions(
    ...     values=np.array([[0.5, 0.25]]), base_values=np.zeros(1),
    ...     predictions=np.array([0.75]), data=np.zeros((1, 2)),
    ...     feature_names=["age", "height"], output_names=["0"],
    ... )
    >>> found.base_values + found.values.sum(axis=1)
    array([0.75])
    """

    values: np.ndarray
    base_values: np.ndarray
    predictions: np.ndarray
    data: np.ndarray
    feature_names: list[str]
    output_names: list[str]

    def summed(self, columns: Sequence[str] | Mapping[str, str]) -> "Attributions":
        """Return the contributions of raw columns: sums over the features of each.

        Parameters
        ----------
        columns : sequence of str or mapping of str to str
            The raw column of each feature, in the order of ``feature_names``, or by the
            names there; those that a mapping leaves out keep their own.

        Returns
        -------
        attributions : Attributions
            With a feature for each raw column, in the order in which they first appear.
            ``data`` holds the row's value where a column has one feature, else NaN.

        Raises
        ------
        ValueError
            If there is not one column for each feature.

        Examples
        --------
        >>> import numpy as np
        >>> from sknn.explain import Attributions
        >>> features = ["age", "sex_f", "sex_m"]
        >>> found = Attributions(
        ...     np.array([[0.5, 0.25, 0.125]]), np.zeros(1), np.ones(1),
        ...     np.zeros((1, 3)), features, ["0"],
        ... )
        >>> found.summed({"sex_f": "sex", "sex_m": "sex"}).feature_names
        ['age', 'sex']
        >>> found.summed(["age", "sex", "sex"]).values
        array([[0.5  , 0.375]])
        """
        if isinstance(columns, Mapping):
            if unknown := columns.keys() - set(self.feature_names):
                raise ValueError(
                    f"columns names features that there are not, {sorted(unknown)}. "
                    f"The features are {self.feature_names}."
                )
            columns = [columns.get(name, name) for name in self.feature_names]
        if len(columns) != len(self.feature_names):
            raise ValueError(
                f"columns must name a column for each of {len(self.feature_names)} "
                f"features, got {len(columns)}."
            )
        names = list(dict.fromkeys(columns))
        membership = np.zeros((len(columns), len(names)))
        membership[np.arange(len(columns)), [names.index(name) for name in columns]] = 1
        is_single = membership.sum(axis=0) == 1
        firsts = membership.argmax(axis=0)
        return replace(
            self,
            values=self.values @ membership,
            data=np.where(is_single, self.data[:, firsts], np.nan),
            feature_names=names,
        )
