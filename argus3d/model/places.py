"""Where tokens lie in space, and the vectors that say so."""

import math
from math import isqrt

import torch
from torch import Tensor
from torch.nn import functional as F

SCALE = 0.02  # what all vectors of the transformer begin with


def grids_of(tokens: int) -> tuple[int, int, int]:
    """How many grids of how many axes and cells along each hold that many tokens.

    (1, 2, S) of coupled planes, (3, 2, S) of planes apart, (1, 3, S) of a volume, or else a line. A number that is a
    square and a cube is taken for a square.
    """
    for grids in (1, 3):
        side = isqrt(tokens // grids)
        if grids * side**2 == tokens:
            return grids, 2, side
    side = round(tokens ** (1 / 3))
    return (1, 3, side) if side**3 == tokens else (1, 1, tokens)


def waves(tokens: int, width: int) -> Tensor:
    """Vectors (T, D) to begin with, in which near places are alike: along each axis, sines and cosines.

    The longest wave is twice a side, the shortest four cells; each of several grids adds a random vector of its own.
    Learned vectors that begin at random have to find one by one which of them are neighbours. In the manner of Vaswani
    et al. 2017, along more than one axis.
    """
    grids, axes, side = grids_of(tokens)
    count = width // (2 * axes)
    frequencies = math.pi / side * torch.logspace(0, math.log2(max(side / 2, 1)), count, base=2)
    angles = torch.arange(side)[:, None] * frequencies
    along = torch.cat([angles.sin(), angles.cos()], 1)  # (S, 2 F)
    cells = torch.cartesian_prod(*[torch.arange(side)] * axes).reshape(-1, axes)
    grid = F.pad(along[cells].flatten(1), (0, width - 2 * axes * count)) * SCALE * math.sqrt(2)
    if grids == 1:
        return grid
    return (grid + SCALE * torch.randn(grids, 1, width)).flatten(0, 1)


def into_patches(grids: Tensor) -> Tensor:
    """Grids (B, G, E, S, S) -> patches of 2 x 2 cells, row by row, grid after grid: (B, T / 4, 4 E)."""
    return F.pixel_unshuffle(grids, 2).flatten(3).transpose(2, 3).flatten(1, 2)


def out_of_patches(patches: Tensor) -> Tensor:
    """The cells (B, T, E) of patches (B, T / 4, 4 E) in the order of their tokens: `into_patches` undone."""
    grids, _, side = grids_of(4 * patches.shape[1])
    shuffled = patches.unflatten(1, (grids, side // 2, side // 2)).movedim(4, 2)  # (B, G, 4 E, S / 2, S / 2)
    return F.pixel_shuffle(shuffled, 2).flatten(3).transpose(2, 3).flatten(1, 2)


def of_patches(places: Tensor) -> Tensor:
    """Means (T / 4, D) over the patches of 2 x 2 tokens of vectors (T, D), of one grid or of three planes apart."""
    grids, _, side = grids_of(len(places))
    planes = places.reshape(grids, side, side, -1).movedim(3, 1)  # (grids, D, S, S)
    return F.avg_pool2d(planes, 2).flatten(2).transpose(1, 2).flatten(0, 1)
