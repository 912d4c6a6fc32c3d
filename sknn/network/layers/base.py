"""What a kind of layer is: its parameters, its widths, its kernels, its description.

Everything that depends on the kind of a layer is derived from its ``LayerSpec``: where
its parameters lie, what the kernels run, what needs the gradient of its inputs, what
``summary`` prints, which attributes a fitted estimator has, and what a stored model
must hold.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sknn.kernels import table
from sknn.kernels.layers.base import LayerKernels
from sknn.network.data import Inputs, TrainingData
from sknn.network.layer_inputs import LayerInputs

Shape = tuple[int, ...]
Options = tuple[float, ...]


class Layer(NamedTuple):
    """A layer of a network, as plain data that can be hashed and stored.

    Attributes
    ----------
    kind : str
        Key of ``LAYERS``.
    options : tuple of float
        Numbers whose meaning depends on the kind, as the width of a dense layer.
    activation : str or None
        Key of ``ACTIVATIONS``, for kinds that have one.
    """

    kind: str
    options: Options = ()
    activation: str | None = None


class LayerParameter(NamedTuple):
    """An array of parameters that each layer of a kind has.

    Attributes
    ----------
    attribute : str
        Attribute of a fitted estimator: a list with the array of each such layer.
    shape : callable
        Takes fan_in, fan_out and the options of the layer; returns the shape.
    column : int
        Column of the table of operations that says where the array starts in theta.
    initial : float or array-like
        Initial value, broadcast to the shape.
    is_penalized : bool
        Whether ``alpha`` applies to it.
    is_trained : bool
        Whether the optimizer updates it.
    learning_rate_factor : float or callable
        What the learning rate is multiplied by for it. A callable takes fan_in, fan_out
        and the options of the layer.
    weight_decay_factor : float or None
        What ``weight_decay`` is multiplied by for it, beside that factor. None is 1
        where it is penalised, else 0.
    has_max_norm : bool
        Whether ``max_norm`` applies to its columns, but in the output layer. Only for
        matrices of shape (fan_in, fan_out) that are stored as weights.
    is_weights : bool
        Whether it is stored transposed where fan_out is small, as ``products.py`` wants
        weights.
    """

    attribute: str
    shape: Callable[[int, int, Options], Shape]
    column: int = table.WEIGHTS
    initial: Any = 0.0
    is_penalized: bool = False
    is_trained: bool = True
    learning_rate_factor: float | Callable[[int, int, Options], float] = 1.0
    weight_decay_factor: float | None = None
    has_max_norm: bool = False
    is_weights: bool = False


class Initialization(NamedTuple):
    """What the initial values of a layer may depend on.

    Attributes
    ----------
    kernel, bias : str
        Values of ``kernel_initializer`` and ``bias_initializer``.
    activation : str
        The one that 'auto' goes by.
    layer : Layer
        The layer, with its options.
    inputs : LayerInputs
        What the layer reads of the training rows. Costs nothing unless it is used.
    fan_in : int
        Of the last layer that counts, which may be this one.
    """

    kernel: str
    bias: str
    activation: str
    layer: Layer
    inputs: LayerInputs
    fan_in: int


class Use(NamedTuple):
    """What the operations of a network are for, and how a layer gets its inputs."""

    dtype: np.dtype
    training: bool = False
    reads_csr: bool = False  # the layer reads CSR inputs
    forward_only: bool = False
    of_inputs: bool = False  # the gradient of the inputs is needed


class PlacedLayer(NamedTuple):
    """A layer in its place in a network.

    Attributes
    ----------
    layer : Layer
    spec : LayerSpec
    fan_in, fan_out : int
        Number of its inputs and outputs; of a member, where several share weights.
    n_members_before, n_members : int
        How many members its inputs and its outputs are of; 1 without members.
    number : int
        0 before the first layer that counts, else the number of those up to this one:
        ``number - 1`` is the index of the hidden layer that it belongs to.
    layer_id : int
        Tells apart what the layers of a network draw in training.
    starts : dict of int
        Where its arrays start in theta, by attribute.
    shapes : dict of tuple
        Their shapes.
    """

    layer: Layer
    spec: "LayerSpec"
    fan_in: int
    fan_out: int
    n_members_before: int
    n_members: int
    number: int
    layer_id: int
    starts: dict[str, int]
    shapes: dict[str, Shape]

    @property
    def n_inputs(self) -> int:
        """Those of all members."""
        return self.fan_in * self.n_members_before

    @property
    def n_outputs(self) -> int:
        """Those of all members."""
        return self.fan_out * self.n_members

    @property
    def n_parameters(self) -> int:
        """Trained or not."""
        return sum(int(np.prod(shape)) for shape in self.shapes.values())


class LayerSpec:
    """A kind of layer. Subclasses define one; ``LAYERS`` holds an instance of each.

    Attributes
    ----------
    name : str
        In ``summary`` and in messages.
    description : str
        One line for the docstrings of the estimators.
    reference : str
        Publication that the docstrings cite, or "".
    parameter : str
        The estimator's parameter that asks for such layers.
    arrays : tuple of LayerParameter
        Its parameters.
    kernels : LayerKernels
        In training and in prediction, on dense inputs.
    csr_kernels : LayerKernels or None
        On CSR inputs, as the first layer; None refuses them.
    counts : bool
        Whether it begins a layer in the sense of ``hidden_layer_sizes``. What follows
        it, up to the next that counts, belongs to the same hidden layer. The last one
        that counts is the output layer.
    has_activation : bool
        Whether its kernels apply the activation: see ``activate`` and
        ``activation_gradient``.
    ends_in_activation : bool
        Whether its outputs are those of its activation, by whose derivative the next
        layer may then multiply: see ``fuses_input_gradient``.
    fuses_activation : bool
        Whether its product can apply the activation as its epilogue.
    fuses_input_gradient : bool
        Whether its backward kernel can multiply the gradient of its inputs by the
        derivative of the activation before it.
    skips_input_delta : bool
        Whether its backward kernel leaves out the gradient of the inputs where that is
        not needed (``NEEDS_INPUT_DELTA``).
    needs_whole_batch : bool
        Whether its kernels need all rows of a batch at once in training.
    draws : bool
        Whether it draws random numbers in training, from the key of each row in the
        layer ``LAYER_ID``.
    joins_next_on_csr : bool
        Whether, on CSR inputs, the next layer does its work too: ``fill_row`` is then
        called with the row of that layer. Or ``convert_csr`` has done it before.
    follows_output : bool
        Whether it follows the output layer: see ``TargetStandardization``.
    has_statistics : bool
        Whether it has ``update_statistics``.
    has_input_gradient : bool
        Whether its outputs are continuous in its inputs, as those of codes are not.
    """

    name: str
    description: str = ""
    reference: str = ""
    parameter: str = ""
    arrays: tuple[LayerParameter, ...] = ()
    kernels: LayerKernels
    csr_kernels: LayerKernels | None = None
    counts = False
    has_activation = False
    ends_in_activation = True
    fuses_activation = False
    fuses_input_gradient = False
    skips_input_delta = False
    needs_whole_batch = False
    draws = False
    joins_next_on_csr = False
    follows_output = False
    has_statistics = False
    has_input_gradient = True

    @property
    def learns(self) -> bool:
        """Whether it has trained parameters."""
        return any(array.is_trained for array in self.arrays)

    # What the options say --------------------------------------------------------

    def check(self, fan_in: int, options: Options) -> None:
        """Raise a ValueError where such options cannot be."""
        if options:
            raise ValueError(f"a layer {self.name!r} has no options, not {options}")

    def output_width(self, fan_in: int, options: Options) -> int:
        """Return the number of outputs."""
        return fan_in

    def members_after(self, before: int, options: Options) -> int:
        """Return of how many members its outputs are; as ``before`` by default.

        Or raise a ValueError, if it cannot follow so many members.
        """
        return before

    def options_of_arrays(
        self, options: Options, shapes: Mapping[str, Shape]
    ) -> Options:
        """Return the options of a layer whose arrays have these shapes.

        Users may replace weights by hand. The default leaves the options as they are.
        """
        return options

    def fan_in_of_arrays(self, shapes: Mapping[str, Shape]) -> int | None:
        """Return the number of inputs that arrays of these shapes are for, if known."""
        return None

    def sources(self, fan_in: int, options: Options) -> Sequence[int] | None:
        """Return the input that each output is made of; None if it is of several."""
        return None

    # What the kernels do ---------------------------------------------------------

    def n_scratch_columns(self, fan_in: int, fan_out: int) -> int:
        """Return how many columns of values it keeps beside its outputs."""
        return 0

    def n_prepared(self, placed: PlacedLayer) -> int:
        """Return how many numbers its prepare kernel fills."""
        return 0

    def integers(self, placed: PlacedLayer) -> Sequence[int]:
        """Return integers that its kernels read behind the columns of the table."""
        return ()

    def n_multiplications(self, fan_in: int, fan_out: int) -> int:
        """Return how many multiplications in products a row of inputs takes."""
        return 0

    def kernels_for(self, placed: PlacedLayer, use: Use) -> LayerKernels | None:
        """Return the kernels of its operation, or None if there is nothing to do.

        Raises
        ------
        ValueError
            If it cannot read CSR inputs.
        """
        if not use.reads_csr:
            return self.kernels
        if self.csr_kernels is None:
            raise ValueError(
                f"X is sparse, but the first layer of this network, {self.name!r}, "
                "takes dense inputs only. Pass X.toarray()."
            )
        return self.csr_kernels

    def fill_row(self, row: np.ndarray, placed: PlacedLayer, use: Use) -> None:
        """Write into its row of the table what no other layer has there."""

    # Its parameters --------------------------------------------------------------

    def initialize(
        self,
        arrays: Mapping[str, np.ndarray],
        random_state: np.random.RandomState,
        initialization: Initialization,
    ) -> None:
        """Fill the arrays of a layer, by attribute, with initial values."""
        for array in self.arrays:
            arrays[array.attribute][...] = array.initial

    def check_arrays(self, arrays: Mapping[str, np.ndarray], options: Options) -> None:
        """Raise a ValueError where arrays that are not trained cannot be like this.

        Their shapes have been checked.
        """

    def update_statistics(
        self,
        arrays: Mapping[str, np.ndarray],
        options: Options,
        data: TrainingData,
        *,
        is_first: bool,
    ) -> None:
        """Bring what is not trained up to date with rows, before training on them.

        Called by the first call of ``fit``, and by each of ``partial_fit``.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            Its parameters by attribute, to be changed in place.
        options : tuple of float
            Those of the layer.
        data : TrainingData
            The rows to train on, as the user gave them: the targets in float64.
        is_first : bool
            Whether these are the first rows; else they are added to those before.
        """

    def convert_csr(self, arrays: Mapping[str, np.ndarray], inputs: Inputs) -> Inputs:
        """Return CSR inputs as the next layer is to get them."""
        return inputs

    def convert_targets(
        self, arrays: Mapping[str, np.ndarray], targets: np.ndarray
    ) -> np.ndarray:
        """Return targets, of float64, as the network is to be trained on them."""
        return targets

    # In other libraries ----------------------------------------------------------

    def affine(
        self, arrays: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Return scale and shift, in float64, if it predicts scale * x + shift.

        Both have a number for each output. Such a layer becomes a part of the dense
        layer before it. The default returns None: it predicts something else.
        """
        return None

    def onnx(
        self, g: Any, x: Any, arrays: Mapping[str, np.ndarray], options: Options
    ) -> Any:
        """Return its outputs in prediction, without its activation, in an ONNX graph.

        Not called where ``affine`` tells all. ``g`` and ``x`` are those of ``register``
        in ``sknn/kernels/layers/activation_base.py``; ``arrays`` has the parameters of
        the layer by attribute, ``options`` are its own.

        Raises
        ------
        ValueError
            If the layer has no such definition.
        """
        raise ValueError(
            f"The layer {self.name!r} cannot be exported to ONNX: its LayerSpec does "
            "not define `onnx`."
        )

    def onnx_activated(
        self, g: Any, z: Any, y: Any, arrays: Mapping[str, np.ndarray]
    ) -> Any:
        """Return its outputs in an ONNX graph from z, of ``onnx``, and y = f(z)."""
        return y

    def text(self, layer: Layer) -> str:
        """Return what ``summary`` prints for the layer, without its activation."""
        return self.name
