"""A moving average of a model's weights."""

from typing import Any

import torch
from torch import Tensor, nn

from argus3d.train.spread import like


class WeightAverage:
    """Exponential moving average of everything a model holds, shorter while there is little to average.

    Source: Polyak and Juditsky 1992; the shorter start as in TensorFlow's `ExponentialMovingAverage`.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay = model, decay
        self.weights: dict[str, Tensor] = {name: value.detach().clone() for name, value in model.state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        return dict(self.weights)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        for name, value in self.weights.items():
            value.copy_(like(state[name], value))

    @torch.no_grad()
    def update(self, number: int) -> None:
        """Move towards the weights after step `number`."""
        weight = 1 - min(self.decay, (1 + number) / (10 + number))
        for name, value in self.model.state_dict().items():
            self.weights[name].lerp_(value, weight)

    @torch.no_grad()
    def swap(self) -> None:
        """Let the model have the averages, and keep its weights in their place; a second call undoes it."""
        for name, value in self.model.state_dict().items():
            before = value.clone()
            value.copy_(self.weights[name])
            self.weights[name].copy_(before)
