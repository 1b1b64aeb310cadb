"""Checkpoints: our own (safetensors and a JSON) and the released ones. Strict, or refused."""

from argus3d.checkpoint.argus import Argus
from argus3d.checkpoint.info import facts
from argus3d.checkpoint.released import from_released, released_names
from argus3d.checkpoint.store import SHIPPED, find, load, save
from argus3d.checkpoint.untrained import warnings

__all__ = ["SHIPPED", "Argus", "facts", "find", "from_released", "load", "released_names", "save", "warnings"]
