"""Shapes through the autoencoder and back."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from argus3d.data.prepared import PreparedShape
from argus3d.data.streams import item_rng
from argus3d.generator import ArgusGenerator, Request, Sample, SamplingConfig
from argus3d.threads import one_thread

IOUS = {"uniform": "iou", "near": "iou_near"}  # by the kind of queries


def reconstruct(
    generator: ArgusGenerator, shapes: Iterable[PreparedShape], seed: int, config: SamplingConfig
) -> Iterator[tuple[Sample, dict[str, float]]]:
    """Each shape as the autoencoder gives it back, and its IoU on each kind of stored queries."""
    autoencoder = generator.argus.autoencoder
    _, threshold = generator.surface(config)
    device = generator.device
    for shape in shapes:
        cloud = shape.cloud()
        count = min(autoencoder.config.points, len(cloud))
        chosen = item_rng(seed, shape.id).choice(len(cloud), count, replace=False)
        with torch.no_grad(), one_thread():
            tokens = autoencoder.encode(torch.from_numpy(cloud[chosen].astype(np.float32))[None].to(device))
            planes = autoencoder.decode(tokens)
            ious = {}
            for kind in shape.queries:
                queries, inside = shape.occupancy(kind)
                places = torch.from_numpy(queries.astype(np.float32))[None].to(device)
                probability = autoencoder.occupancy(planes, places)[0].sigmoid().cpu().numpy()
                ious[IOUS[kind]] = round(iou(probability >= threshold, inside), 6)
        request = Request(shape.id, shape.category)
        yield next(generator.shapes([request], tokens, seed, config)), ious


def iou(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Intersection over union of two (Q,) masks, in [0, 1]; 1 when both are empty."""
    union = int((predicted | truth).sum())
    return float((predicted & truth).sum() / union) if union else 1.0
