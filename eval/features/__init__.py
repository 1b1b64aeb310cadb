"""Features of clouds by a small point network of our own, and the classes it tells apart."""

from eval.features.network import PointFeatures, load

__all__ = ["PointFeatures", "load"]
