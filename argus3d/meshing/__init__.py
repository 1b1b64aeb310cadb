"""From planes to a mesh: occupancy on a regular grid, coarse to fine, then marching cubes."""

from argus3d.meshing.cubes import Mesh, extract_mesh, logit
from argus3d.meshing.field import OccupancyField
from argus3d.meshing.refine import occupancy_of_field
from argus3d.meshing.shapes import check_resolution, dense_occupancy, mesh_of_planes, meshes_of_tokens, occupancy_grid

__all__ = [
    "Mesh",
    "OccupancyField",
    "check_resolution",
    "dense_occupancy",
    "extract_mesh",
    "logit",
    "mesh_of_planes",
    "meshes_of_tokens",
    "occupancy_grid",
    "occupancy_of_field",
]
