"""Meshes as solids: what is inside, also where they are open, double-sided, flipped or overlapping."""

from argus3d.data.solid.mesh_solid import MeshSolid

__all__ = ["MeshSolid"]
