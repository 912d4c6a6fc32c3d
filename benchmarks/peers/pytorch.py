"""PyTorch, eager: tensors in memory, one order an epoch, fused Adam, no DataLoader."""

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks.peers.start import (
    ALPHA,
    BETA_1,
    BETA_2,
    EPSILON,
    RATE,
    Orders,
    first_weights,
)
from benchmarks.timing import seconds

_ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "logistic": torch.sigmoid}


class PyTorch:
    def __init__(self, case, X, y, activation: str, cores: int = 1):
        torch.set_num_threads(cores)
        self.case, self.dtype, self.activation = case, X.dtype, activation
        self.X = torch.from_numpy(X)
        y = np.asarray(y, dtype=np.int64 if case.n_outputs > 2 else X.dtype)
        self.y = torch.from_numpy(y if case.n_outputs > 2 else y.reshape(-1, 1))
        self.function = _ACTIVATIONS[activation]
        self.restart()

    def restart(self) -> None:
        weights, biases, random_state = first_weights(
            self.case, self.activation, self.dtype
        )
        # Transposed, as torch's own layers have them; the values are the same.
        self.W = [torch.from_numpy(w.T.copy()).requires_grad_() for w in weights]
        self.b = [torch.from_numpy(b).requires_grad_() for b in biases]
        self.orders = Orders(self.case.n_rows, random_state)
        self.adam = torch.optim.Adam(
            [*self.W, *self.b],
            lr=RATE,
            betas=(BETA_1, BETA_2),
            eps=EPSILON,
            fused=True,
        )

    def train(self, n_epochs: int) -> None:
        for _ in range(n_epochs):
            self._epoch()

    def seconds_per_epoch(self, n_epochs: int) -> float:
        self.restart()
        return seconds(self.train, 1 + n_epochs) / (1 + n_epochs)

    def weights(self):
        return [w.detach().numpy().T for w in self.W], [
            b.detach().numpy() for b in self.b
        ]

    def _epoch(self) -> torch.Tensor:
        case, total = self.case, torch.zeros((), dtype=self.X.dtype)
        order = torch.from_numpy(self.orders.draw())
        for rows in order.split(case.batch_size):
            h, y = self.X.index_select(0, rows), self.y.index_select(0, rows)
            for W, b in zip(self.W[:-1], self.b[:-1], strict=True):
                h = self.function(F.linear(h, W, b))
            loss = self._loss(F.linear(h, self.W[-1], self.b[-1]), y)
            self.adam.zero_grad(set_to_none=True)
            loss.backward()
            # scikit-learn's penalty: of the weights alone, divided by the batch.
            with torch.no_grad():
                gradients = [W.grad for W in self.W]
                torch._foreach_add_(gradients, self.W, alpha=ALPHA / len(rows))
            self.adam.step()
            total.add_(loss.detach(), alpha=len(rows))
        return total / case.n_rows

    def _loss(self, z, y):
        if self.case.n_outputs == 1:
            return 0.5 * F.mse_loss(z, y)
        if self.case.n_outputs == 2:
            return F.binary_cross_entropy_with_logits(z, y)
        return F.cross_entropy(z, y)
