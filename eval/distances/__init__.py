"""Distances between two clouds, and matrices of them between two sets of clouds."""

from eval.distances.chamfer import chamfer
from eval.distances.emd import Emd, emd, emd_squared

__all__ = ["Emd", "chamfer", "emd", "emd_squared"]
