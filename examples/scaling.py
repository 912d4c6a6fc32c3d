"""
Why inputs are scaled
=====================

The same network on raw and on standardised features. Of the measurements of a wine,
one is a thousand times as large as the others. The network sees little but that one,
and learns slowly or not at all. With ``standardize=True`` it scales them itself.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

from sknn import LossCurveDisplay, MLPClassifier

X, y = load_wine(as_frame=True, return_X_y=True)
print(X.describe().loc[["min", "max"], ["proline", "nonflavanoid_phenols"]])
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

_, axis = plt.subplots(figsize=(7.5, 5), layout="constrained")
for name, style in {"unscaled": "--", "scaled": "-"}.items():
    # Keras: scale = Normalization(); scale.adapt(X_train)
    #        Sequential([scale, Dense(20, "relu"), Dense(3, "softmax")])
    #        compile(Adam(0.01), "sparse_categorical_crossentropy"), fit(epochs=100)
    model = MLPClassifier(
        hidden_layer_sizes=(20,),
        learning_rate_init=0.01,
        max_iter=100,
        tol=None,
        standardize=name == "scaled",
        random_state=0,
    ).fit(X_train, y_train)
    print(f"{name}: test accuracy {model.score(X_test, y_test):.3f}")
    LossCurveDisplay.from_estimator(
        model, ax=axis, name=name, line_kw={"linestyle": style, "linewidth": 2}
    )
axis.set(title="Training loss on wine", yscale="log")
plt.show()
