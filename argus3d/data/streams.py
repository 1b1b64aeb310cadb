"""Random streams: each item has its own, which no order, batch, shard or worker count changes."""

import hashlib

import numpy as np


def item_rng(seed: int, item_id: str) -> np.random.Generator:
    """The stream of one item, from all 256 bits of sha256("seed:id")."""
    return np.random.default_rng(list(hashlib.sha256(f"{seed}:{item_id}".encode()).digest()))
