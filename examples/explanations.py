"""
Explanations of predictions
===========================

A network on a table with text: one row, and many. Contributions of one-hot columns are
summed back to the columns of the table::

    python examples/explanations.py [explanations.png]
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sknn import MLPRegressor
from sknn.explain import AttributionDisplay, expected_gradients

data = load_diabetes(as_frame=True, scaled=False)
table, y = data.data.copy(), data.target
table["sex"] = np.where(table["sex"] == 1, "one", "two")
table["age"] = pd.cut(table["age"], [0, 40, 60, 100], labels=["young", "middle", "old"])
texts, numbers = ["sex", "age"], table.columns.drop(["sex", "age"])

encoder = make_column_transformer(
    (OneHotEncoder(), texts),
    (StandardScaler(), numbers),
    verbose_feature_names_out=False,
)
network = MLPRegressor(
    hidden_layer_sizes=20,
    activation="tanh",
    alpha=3,
    solver="lbfgs",
    max_iter=1000,
    standardize_y=True,
    random_state=0,
)
model = make_pipeline(encoder, network).fit(table, y)

found = expected_gradients(model, table[:100], table, random_state=0)
columns = {name: name.partition("_")[0] for name in found.feature_names[:5]}
of_columns = found.summed(columns)

figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
AttributionDisplay.from_attributions(of_columns, row=0, ax=axes[0])
AttributionDisplay.from_attributions(of_columns, ax=axes[1])
path = sys.argv[1] if len(sys.argv) > 1 else "explanations.png"
figure.savefig(path, dpi=80)
gaps = found.base_values + found.values.sum(axis=1) - found.predictions
print(f"R2 {model.score(table, y):.2f}")
print(f"The largest gap is {abs(gaps).max():.2g}; targets vary by {y.std():.0f}")
