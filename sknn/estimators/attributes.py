"""The types of what both estimators have but no statement sets."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np


class Attributes:
    """Declares attributes for type checkers and editors; sets none of them."""

    # Parameters
    hidden_layer_sizes: Any
    activation: Any
    solver: str
    alpha: float
    batch_size: int | str
    learning_rate: str | Callable[[int], float]
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float | None
    verbose: bool | int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    n_hidden_layers: int | None
    dropout: Any
    input_dropout: float
    normalization: str | None
    numeric_embedding: str | None
    numeric_embedding_size: int | str
    n_bins: int
    categorical_features: Any
    categorical_embedding_size: int
    standardize: bool
    kernel_initializer: str | Sequence[str]
    bias_initializer: str
    parametrization: str
    feature_scaling: bool
    parametric_activation: bool
    n_shared_members: int | None
    member_factors: str
    l1_ratio: float
    weight_decay: float | str
    max_norm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    rho: float
    decay_rate: float
    decay_epochs: int
    warmup_epochs: int
    dropout_schedule: str | None
    weight_decay_schedule: str | None
    scoring: str | Callable[..., Any] | None
    metrics: Any
    restore_best_weights: bool
    validate: bool
    validation_splitter: Any

    # Fitted attributes
    coefs_: list[np.ndarray]
    intercepts_: list[np.ndarray]
    gains_: list[np.ndarray]
    shifts_: list[np.ndarray]
    feature_scales_: list[np.ndarray]
    activation_weights_: list[np.ndarray]
    member_input_scales_: list[np.ndarray]
    member_output_scales_: list[np.ndarray]
    running_statistics_: list[np.ndarray]
    embedding_weights_: list[np.ndarray]
    embedding_biases_: list[np.ndarray]
    category_vectors_: list[np.ndarray]
    bin_weights_: list[np.ndarray]
    bin_edges_: list[np.ndarray]
    input_statistics_: list[np.ndarray]
    target_statistics_: list[np.ndarray]
    frequencies_: list[np.ndarray]
    phases_: list[np.ndarray]
    periodic_weights_: list[np.ndarray]
    input_scales_: list[np.ndarray]
    n_features_in_: int
    feature_names_in_: np.ndarray
    history_: dict[str, list[float]]
    loss_: float
    loss_curve_: list[float]
    best_loss_: float | None
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    n_iter_: int
    t_: int
    n_layers_: int
    n_outputs_: int
    out_activation_: str

    # Methods of scikit-learn that have no types, or are made at run time. Their
    # docstrings are scikit-learn's.
    if TYPE_CHECKING:
        # ruff: noqa: D102

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_callbacks(self, *callbacks: Any) -> Self: ...
        def set_fit_request(self, **requests: bool | str | None) -> Self: ...
        def set_partial_fit_request(self, **requests: bool | str | None) -> Self: ...
        def set_score_request(self, **requests: bool | str | None) -> Self: ...
