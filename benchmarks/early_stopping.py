"""What early stopping adds to an epoch on many rows: a held-out set and its score.

    python -m benchmarks.early_stopping

One epoch with and without, in turns, for each kind of target. The held-out rows are
those that scikit-learn would draw.
"""

import warnings
from functools import partial

import numpy as np

from benchmarks.timing import in_turns, ratio, seconds
from sknn import MLPClassifier, MLPRegressor

N_ROWS, N_REPEATS = 2_000_000, 5

TARGETS = {
    "two classes": lambda X: (X[:, 0] > 0).astype(int),
    "three classes": lambda X: np.digitize(X[:, 0], [-0.5, 0.5]),
    "strings": lambda X: np.array(["no", "yes"])[(X[:, 0] > 0).astype(int)],
    "three labels": lambda X: (X[:, :3] > 0).astype(int),
    "numbers": lambda X: X[:, 0].copy(),
}


def main() -> None:
    """Print the ratio for each kind of target."""
    warnings.simplefilter("ignore")
    X = np.random.RandomState(0).normal(size=(N_ROWS, 20)).astype(np.float32)
    print(f"{N_ROWS:,} rows, one epoch: seconds without, with, ratio")
    for name, targets in TARGETS.items():
        y = targets(X)
        kind = MLPRegressor if name == "numbers" else MLPClassifier
        options = {"hidden_layer_sizes": (10,), "batch_size": 2000, "max_iter": 1}
        models = {
            stops: kind(early_stopping=stops, random_state=0, **options)
            for stops in (False, True)
        }
        for model in models.values():
            model.fit(X[:4000], y[:4000])
        figures = in_turns(
            {
                stops: partial(seconds, model.fit, X, y)
                for stops, model in models.items()
            },
            N_REPEATS,
        )
        without, with_it = (np.median(figures[stops]) for stops in (False, True))
        slower = ratio(figures[True], figures[False])
        print(f"{name:>14}: {without:.2f} {with_it:.2f} {slower:.2f}")


if __name__ == "__main__":
    main()
