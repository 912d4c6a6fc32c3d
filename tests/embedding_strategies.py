"""Hypothesis strategies for embeddings of columns."""

import numpy as np
from hypothesis import strategies as st


@st.composite
def embeddings(draw):
    """Draw an embedding of columns."""
    return {
        **draw(
            st.sampled_from(
                [
                    {"numeric_embedding": "piecewise_linear", "n_bins": 3},
                    {"numeric_embedding": "piecewise_linear", "n_bins": 9},
                    {"numeric_embedding": "periodic"},
                ]
            )
        ),
        "numeric_embedding_size": draw(st.integers(2, 5)),
    }


def can_be_embedded(X):
    """Return whether a column has more than two values, and none is too wide."""
    with np.errstate(over="ignore"):
        is_narrow = np.isfinite(X.max(axis=0) - X.min(axis=0)).all()
    return is_narrow and any(len(np.unique(column)) > 2 for column in X.T)
