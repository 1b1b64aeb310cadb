"""The source `procedural`: parametric shapes without end, with exact occupancy from their parts."""

from argus3d.data.procedural.catalogue import CATEGORIES, ProceduralCatalogue, make
from argus3d.data.procedural.solid import ProceduralSolid

__all__ = ["CATEGORIES", "ProceduralCatalogue", "ProceduralSolid", "make"]
