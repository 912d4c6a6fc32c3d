"""Descriptions of components, which the docstrings of the estimators list."""


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
