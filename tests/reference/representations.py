"""Loops for what autoencoders of apart planes and of grids do in batches."""

import numpy as np
import torch
from numpy.typing import NDArray

from argus3d.model.autoencoder import ShapeAutoencoder
from tests.reference.model import nearest_code


def grid_cell(point: NDArray[np.float32], resolution: int, padding: float) -> int:
    """Flat cell of one point of space: x + resolution * (y + resolution * z)."""
    flat = 0
    for axis in (2, 1, 0):
        u = np.float32(point[axis]) / np.float32(1 + padding + 1e-5) + np.float32(0.5)
        u = min(max(u, np.float32(0)), np.float32(1 - 1e-5))
        flat = flat * resolution + int(u * resolution)
    return flat


def trilinear(volume: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sample of a volume (C, R, R, R), axes z, y, x, at fractional indices (x, y, z), edges repeated."""
    side = volume.shape[1]
    found = np.zeros(len(volume))
    clipped = [min(max(value, 0.0), side - 1) for value in place]
    lowest = [min(int(value), side - 2) for value in clipped]
    for corner in np.ndindex(2, 2, 2):
        share, index = 1.0, []
        for value, low, step in zip(clipped, lowest, corner, strict=True):
            share *= (value - low) if step else 1 - (value - low)
            index.append(low + step)
        found += share * volume[:, index[2], index[1], index[0]]
    return found


def triplane_tokens(model: ShapeAutoencoder, planes: torch.Tensor) -> list[int]:
    """Tokens of one shape's planes (3, C, R, R): plane after plane, row after row, each through the layers alone."""
    table = model.quantizer.codebook.weight.detach().double().numpy()
    tokens = []
    for plane in planes:
        latent = model.coupler.down(model.coupler.mix(plane[None]))[0]  # (E, S, S)
        for row in range(latent.shape[1]):
            for column in range(latent.shape[2]):
                code = model.quantizer.to_code(latent[:, row, column]).detach().double().numpy()
                tokens.append(nearest_code(code, table))
    return tokens
