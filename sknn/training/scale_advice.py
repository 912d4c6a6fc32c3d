"""What messages advise where numbers have a scale that is hard to learn from."""

from sknn.network.network import Network


def advice_on_features(network: Network) -> str:
    """Return how to scale the features; "" where the network does."""
    if "input_statistics_" in network.layout.shapes:
        return ""
    return "scale the features (standardize=True)"


def advice_on_scale(network: Network) -> str:
    """Return how to scale the features and the target; "" where the network does."""
    features = advice_on_features(network)
    if network.layout.converts_targets:
        return features
    if not features:
        return "for regression, scale the target (standardize_y=True)"
    return f"{features} and, for regression, the target (standardize_y=True)"


def sentence(*advice: str) -> str:
    """Return one sentence of all advice that is not empty, each an alternative."""
    text = "; or ".join(filter(None, advice))
    return f"{text[:1].upper()}{text[1:]}." if text else ""
