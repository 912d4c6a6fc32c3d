"""Record what PyTorch's optimizers, schedules and clipping do, in torch_steps.json.

Run it with a Python that has PyTorch: ``python tests/record_torch_steps.py``.
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch.optim import lr_scheduler

N_STEPS, N_PARAMETERS = 6, 5

# Where epsilon is added before the correction of the bias in sknn, as in scikit-learn,
# and after it in PyTorch, it is too small to matter. PyTorch's momentum multiplies a
# sum of gradients by the rate, sknn's a sum of steps: the same for a constant rate.
TINY, NOTICEABLE = 1e-30, 1e-3
BETAS = {"beta_1": 0.8, "beta_2": 0.95}
OPTIMIZERS = {
    "sgd": {"momentum": 0.9, "constant": True},
    "nesterov": {"momentum": 0.9, "constant": True},
    "adagrad": {"epsilon": NOTICEABLE},
    "rmsprop": {"rho": 0.9, "epsilon": NOTICEABLE},
    "adam": {**BETAS, "epsilon": TINY},
    "adamw": {**BETAS, "epsilon": TINY, "weight_decay": 0.3},
    "nadam": {**BETAS, "epsilon": NOTICEABLE},
    "amsgrad": {**BETAS, "epsilon": TINY},
}


def optimizer(name, theta, p):
    betas = (p.get("beta_1"), p.get("beta_2"))
    epsilon = p.get("epsilon")
    if name in ("sgd", "nesterov"):
        return torch.optim.SGD(
            [theta], lr=1.0, momentum=p["momentum"], nesterov=name == "nesterov"
        )
    if name == "adagrad":
        return torch.optim.Adagrad([theta], eps=epsilon)
    if name == "rmsprop":
        return torch.optim.RMSprop([theta], alpha=p["rho"], eps=epsilon)
    if name == "adamw":
        decay = p["weight_decay"]
        return torch.optim.AdamW([theta], betas=betas, eps=epsilon, weight_decay=decay)
    if name == "nadam":
        return torch.optim.NAdam(
            [theta], betas=betas, eps=epsilon, momentum_decay=0.004
        )
    return torch.optim.Adam(
        [theta], betas=betas, eps=epsilon, amsgrad=name == "amsgrad"
    )


def trajectory(name, p, start, gradients, rates):
    theta = torch.tensor(start, requires_grad=True)
    steps = optimizer(name, theta, p)
    path = []
    for gradient, rate in zip(gradients, rates, strict=True):
        steps.param_groups[0]["lr"] = rates[0] if p.get("constant") else rate
        theta.grad = torch.tensor(gradient)
        steps.step()
        path.append(theta.detach().tolist())
    return path


def rates(make, n_epochs, initial):
    steps = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=initial)
    schedule = make(steps)
    found = []
    for _ in range(n_epochs):
        found.append(float(steps.param_groups[0]["lr"]))
        steps.step()
        if len(found) < n_epochs:
            schedule.step()
    return found


def schedules(n, initial, decay_rate, decay_epochs):
    gamma = decay_rate ** (1 / decay_epochs)
    makers = {
        "step": lambda o: lr_scheduler.StepLR(o, decay_epochs, decay_rate),
        "exponential": lambda o: lr_scheduler.ExponentialLR(o, gamma),
        "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, n),
        "cosine_restarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(
            o, decay_epochs, T_mult=2
        ),
        "one_cycle": lambda o: lr_scheduler.OneCycleLR(
            o, initial, total_steps=n, cycle_momentum=False
        ),
    }
    return {name: rates(make, n, initial) for name, make in makers.items()}


def clipped(gradient, norm):
    theta = torch.zeros(len(gradient), requires_grad=True)
    theta.grad = torch.tensor(gradient)
    torch.nn.utils.clip_grad_norm_([theta], norm)
    return theta.grad.tolist()


def record():
    torch.set_default_dtype(torch.float64)
    rng = np.random.RandomState(0)
    start = rng.normal(size=N_PARAMETERS).round(3).tolist()
    gradients = rng.normal(size=(N_STEPS, N_PARAMETERS)).round(3).tolist()
    step_rates = [0.1, 0.2, 0.05, 0.01, 0.3, 0.1]
    decays = {"initial": 0.3, "decay_rate": 0.7, "decay_epochs": 3}
    return {
        "torch": torch.__version__,
        "theta": start,
        "gradients": gradients,
        "rates": step_rates,
        "optimizers": {
            name: {
                "parameters": p,
                "path": trajectory(name, p, start, gradients, step_rates),
            }
            for name, p in OPTIMIZERS.items()
        },
        "schedules": {
            **decays,
            "rates": {str(n): schedules(n, **decays) for n in (1, 2, 3, 4, 10, 25)},
        },
        "clipped": {
            str(norm): [clipped(gradient, norm) for gradient in gradients]
            for norm in (0.5, 2.0)
        },
    }


if __name__ == "__main__":
    path = Path(__file__).with_name("torch_steps.json")
    path.write_text(json.dumps(record()) + "\n")
