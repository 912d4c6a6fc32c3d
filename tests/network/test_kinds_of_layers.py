"""The table of kinds of layers."""

import pytest

from sknn.network.layers.base import LayerSpec
from sknn.network.layers.table import LAYERS, register


class Scaling(LayerSpec):
    name = "scaling"
    description = "multiplies each input by a trained factor"


@pytest.mark.parametrize("kind", ["standardization", "dense"])
def test_a_kind_is_not_registered_twice(kind):
    spec = LAYERS[kind]
    with pytest.raises(ValueError, match=f"There is a layer '{kind}' already. Give"):
        register(kind, Scaling())
    assert LAYERS[kind] is spec
