"""Estimators of tables whose recipe or networks have other parameters.

What users may set is few; an ablation takes away what they may not.
"""

from dataclasses import replace
from typing import Any

from sklearn.base import ClassifierMixin
from sklearn.model_selection import ShuffleSplit

from sknn.tabular import TabularMLPClassifier, TabularMLPRegressor
from sknn.tabular.recipes import Recipe


class _Changed:
    """Changes of the recipe and of the networks; one network instead of the folds'.

    One network leaves out a fifth of the rows, drawn at random.
    """

    def __init__(
        self,
        *,
        preset="default",
        recipe=None,
        networks=None,
        one_network=False,
        calibrate=True,
        random_state=None,
    ):
        options = {}
        if isinstance(self, ClassifierMixin):
            options["calibrate"] = calibrate
        if one_network:
            options["cv"] = ShuffleSplit(1, test_size=0.2, random_state=random_state)
        super().__init__(preset=preset, random_state=random_state, **options)
        self.recipe, self.networks, self.one_network = recipe, networks, one_network
        self.calibrate = calibrate

    @property
    def recipes(self) -> dict[str, Recipe]:
        """The recipes, that of the preset with the changes."""
        recipes = super().recipes
        changed = replace(recipes[self.preset], **self.recipe or {})
        return recipes | {self.preset: changed}

    def _parameters_of_scoring(self, y: Any) -> dict[str, Any]:
        changed = super()._parameters_of_scoring(y) | (self.networks or {})
        if not isinstance(self, ClassifierMixin):
            changed.pop("label_smoothing", None)
        return changed


class ChangedClassifier(_Changed, TabularMLPClassifier):
    """A classifier with other networks."""


class ChangedRegressor(_Changed, TabularMLPRegressor):
    """A regressor with other networks; ``calibrate`` has no effect on it."""
