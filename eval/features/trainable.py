"""The point network as torch trains it, and its way into the file that `eval.features.network` reads."""

import json
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from argus3d.data.files import write_atomically

LOCAL, POOLED, FEATURES = (64, 128), 256, 64


class Layer(nn.Module):
    """Linear, standardised over the batch and its points; rectified unless it gives features."""

    def __init__(self, width_in: int, width_out: int, rectified: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(width_in, width_out, bias=False)
        self.norm = nn.BatchNorm1d(width_out, affine=rectified)
        self.rectified = rectified

    def forward(self, values: Tensor, shared: Tensor | None = None) -> Tensor:
        """(..., width_in) -> (..., width_out); `shared` (B, S) are the last S inputs of all points of a shape."""
        if shared is None:
            linear = self.linear(values)
        else:
            own = values.shape[-1]
            linear = F.linear(values, self.linear.weight[:, :own])
            linear = linear + F.linear(shared, self.linear.weight[:, own:])[:, None]
        standard = self.norm(linear.flatten(0, -2)).unflatten(0, linear.shape[:-1])
        return F.relu(standard) if self.rectified else standard

    @torch.no_grad()
    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight (out, in) and bias (out,) that do what linear and norm do in use."""
        state = self.norm.state_dict()
        mean, deviation = state["running_mean"], (state["running_var"] + self.norm.eps).sqrt()
        gain = state.get("weight", torch.ones_like(mean))
        offset = state.get("bias", torch.zeros_like(mean))
        return self.linear.weight * (gain / deviation)[:, None], offset - mean * gain / deviation


class PointNetwork(nn.Module):
    """See `eval.features.network`; clouds (B, P, 3) in their boxes -> logits (B, C)."""

    def __init__(self, classes: tuple[str, ...], octaves: int) -> None:
        super().__init__()
        self.names, self.octaves = classes, octaves
        self.local0 = Layer(3 + 6 * octaves, LOCAL[0])
        self.local1 = Layer(LOCAL[0], LOCAL[1])
        self.first = Layer(LOCAL[1], POOLED)
        self.second0 = Layer(LOCAL[1] + POOLED, LOCAL[1])
        self.second1 = Layer(LOCAL[1], POOLED)
        self.head = Layer(2 * POOLED, LOCAL[1])
        self.features = Layer(LOCAL[1], FEATURES, rectified=False)
        self.classes = nn.Linear(FEATURES, len(classes))

    def forward(self, clouds: Tensor) -> Tensor:
        """Logits (B, C)."""
        angles = clouds[..., None, :] * (torch.pi * 2.0 ** torch.arange(self.octaves))[:, None]  # (B, P, K, 3)
        angles = angles.flatten(2)
        local = self.local1(self.local0(torch.cat([clouds, angles.sin(), angles.cos()], dim=-1)))
        first = self.first(local).max(dim=1).values
        second = self.second1(self.second0(local, first)).max(dim=1).values
        return self.classes(self.features(self.head(torch.cat([first, second], dim=-1))))

    def save(self, path: Path) -> None:
        """Write the folded weights, the classes and the octaves: equal networks give equal bytes."""
        tensors = {"classes.weight": self.classes.weight.detach(), "classes.bias": self.classes.bias.detach()}
        for name, layer in self.named_children():
            if isinstance(layer, Layer):
                tensors[f"{name}.weight"], tensors[f"{name}.bias"] = layer.folded()
        # One entry of metadata alone: safetensors does not write several in a fixed order.
        described = json.dumps({"classes": list(self.names), "octaves": self.octaves}, sort_keys=True)
        whole = {key: value.contiguous() for key, value in tensors.items()}
        write_atomically(path, save(whole, {"network": described}))
