"""Descriptions of components, which the docstrings of the estimators list."""

# A publication that several components are from, for `reference`.
REALMLP = (
    'D. Holzmüller, L. Grinsztajn and I. Steinwart, "Better by Default: Strong '
    'Pre-Tuned MLPs and Boosted Trees on Tabular Data", NeurIPS 2024, '
    "https://arxiv.org/abs/2407.04491"
)


def check_description(name: str, description: str) -> str:
    """Return the description of a component if it is one line, without a full stop.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    words = description.split() if isinstance(description, str) else []
    if not words or description != " ".join(words) or words[-1].endswith("."):
        raise ValueError(
            f"The description of {name!r} must be one line for the docstrings of the "
            f"estimators, without a full stop at its end, got {description!r}. Write "
            "for example description='``z / (1 + |z|)``'."
        )
    return description
