"""The residual blocks of the occupancy decoder at samples of a grid whose planes are folded: compiled, and in torch."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from argus3d.model.decoder import OccupancyDecoder

_LANES = 8  # the width of the blocks is padded to a multiple of this with units that stay 0
_TILE = 4  # samples at once, as many as the kernel spells out
_EXACT = {"contract", "nnan", "nsz"}  # fused multiply-add, but no reordering of sums


@dataclass(frozen=True)
class Blocks:
    """Weights of the residual blocks and of the output.

    weights : (blocks, 2, H, H) float32, input first; biases : (blocks, 2, H) float32
    out : (H,) float32; out_bias : float; H : a multiple of 8
    """

    weights: Tensor
    biases: Tensor
    out: Tensor
    out_bias: float


def padded_width(hidden: int) -> int:
    """The width that `Blocks` and the tables of a decoder of width `hidden` have."""
    return -(-hidden // _LANES) * _LANES


def blocks_of(decoder: OccupancyDecoder) -> Blocks:
    """The decoder's blocks in float32, padded."""
    extra = padded_width(decoder.out.in_features) - decoder.out.in_features
    layers = [(block, name) for block in decoder.blocks for name in ("fc_0", "fc_1")]
    weights = [block.get_parameter(f"{name}.weight").detach().float().T for block, name in layers]
    biases = [block.get_parameter(f"{name}.bias").detach().float() for block, name in layers]
    return Blocks(
        torch.stack([F.pad(weight, (0, extra, 0, extra)) for weight in weights]).unflatten(0, (-1, 2)),
        torch.stack([F.pad(bias, (0, extra)) for bias in biases]).unflatten(0, (-1, 2)),
        F.pad(decoder.out.weight.detach().float()[0], (0, extra)),
        float(decoder.out.bias.detach()),
    )


def logits_in_torch(tables: tuple[Tensor, Tensor, Tensor], blocks: Blocks, samples: int, index: Tensor) -> Tensor:
    """Logits (Q,) float32 of samples.

    tables : of xz, xy and yz, each (rows, blocks, H) float32; `samples` rows a line of the plane's first coordinate
    index : (Q,) int64, flat indices (x * samples + y) * samples + z
    """
    x, yz = index // samples**2, index % samples**2
    features = tables[0][x * samples + yz % samples]
    features += tables[1][x * samples + yz // samples]
    features += tables[2][yz]  # (Q, blocks, H)
    net = torch.zeros_like(features[:, 0])
    for i, (weights, biases) in enumerate(zip(blocks.weights, blocks.biases, strict=True)):
        net += features[:, i]
        inner = torch.addmm(biases[0], net.relu(), weights[0]).relu_()
        net += biases[1]
        net.addmm_(inner, weights[1])
    return net.relu_() @ blocks.out + blocks.out_bias


Kernel = Callable[..., None]


@lru_cache
def compiled_logits(hidden: int) -> Kernel:
    """The same for numpy arrays, compiled for one width: f(xz, xy, yz, weights, biases, out, out_bias,
    samples, index, logits), the last one written.

    The arithmetic of a sample is the same wherever it lies in `index`: sums run in one order, and what is missing in
    the last tile is its last sample again.
    """

    @njit(cache=True, nogil=True, fastmath=_EXACT)
    def kernel(xz, xy, yz, weights, biases, out, out_bias, samples, index, logits):  # type: ignore[no-untyped-def]
        def add_product(left, right, total):  # type: ignore[no-untyped-def]
            # Four samples and four terms at once: sixteen multiply-adds for each four pairs of loads and stores.
            for k in range(0, hidden, 4):
                a0, a1, a2, a3 = left[0, k], left[0, k + 1], left[0, k + 2], left[0, k + 3]
                b0, b1, b2, b3 = left[1, k], left[1, k + 1], left[1, k + 2], left[1, k + 3]
                c0, c1, c2, c3 = left[2, k], left[2, k + 1], left[2, k + 2], left[2, k + 3]
                d0, d1, d2, d3 = left[3, k], left[3, k + 1], left[3, k + 2], left[3, k + 3]
                for h in range(hidden):
                    r0, r1, r2, r3 = right[k, h], right[k + 1, h], right[k + 2, h], right[k + 3, h]
                    total[0, h] = total[0, h] + a0 * r0 + a1 * r1 + a2 * r2 + a3 * r3
                    total[1, h] = total[1, h] + b0 * r0 + b1 * r1 + b2 * r2 + b3 * r3
                    total[2, h] = total[2, h] + c0 * r0 + c1 * r1 + c2 * r2 + c3 * r3
                    total[3, h] = total[3, h] + d0 * r0 + d1 * r1 + d2 * r2 + d3 * r3

        net, active = np.empty((_TILE, hidden), np.float32), np.empty((_TILE, hidden), np.float32)
        inner = np.empty((_TILE, hidden), np.float32)
        zero, count = np.float32(0), len(index)
        for start in range(0, count, _TILE):
            net[:] = zero
            for i in range(len(weights)):
                for t in range(_TILE):
                    sample = index[min(start + t, count - 1)]
                    rest = sample % (samples * samples)
                    line = sample // (samples * samples) * samples
                    a, b, c = xz[line + rest % samples, i], xy[line + rest // samples, i], yz[rest, i]
                    for h in range(hidden):
                        value = net[t, h] + (a[h] + b[h] + c[h])
                        net[t, h] = value + biases[i, 1, h]
                        active[t, h] = max(value, zero)
                        inner[t, h] = biases[i, 0, h]
                add_product(active, weights[i, 0], inner)
                for t in range(_TILE):
                    for h in range(hidden):
                        inner[t, h] = max(inner[t, h], zero)
                add_product(inner, weights[i, 1], net)
            for t in range(min(_TILE, count - start)):
                value = np.float32(out_bias)
                for h in range(hidden):
                    value += max(net[t, h], zero) * out[h]
                logits[start + t] = value

    return kernel


def arrays(blocks: Blocks) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], float]:
    """What the compiled kernel takes of `blocks`."""
    return blocks.weights.numpy(), blocks.biases.numpy(), blocks.out.numpy(), blocks.out_bias
