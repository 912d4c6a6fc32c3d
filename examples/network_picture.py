"""
A picture of a network
======================

The table that ``summary`` prints, and the same network drawn: neurons are circles,
weights the lines between them. Blue lines are positive weights, red ones negative; wide
lines are large weights.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier, NetworkDisplay

iris = load_iris(as_frame=True)
# Keras: model = Sequential([Dense(6, activation="relu"), Dense(4, activation="tanh"),
#                            Dense(3, activation="softmax")])
#        model.summary(); plot_model(model, show_shapes=True)
net = MLPClassifier((6, 4), activation=("relu", "tanh"), max_iter=2000, random_state=0)
model = make_pipeline(StandardScaler(), net).fit(iris.data, iris.target)
model[-1].summary()
picture = NetworkDisplay.from_estimator(model, class_names=iris.target_names)
picture.ax_.set_title("From four measurements to three kinds of iris")
plt.show()
