"""Shapes through the autoencoder and back."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
    for shape in shapes:
        cloud = shape.cloud()
        count = min(autoencoder.config.points, len(cloud))
        chosen = item_rng(seed, shape.id).choice(len(cloud), count, replace=False)
        tokens, planes = there_and_back(generator, cloud[chosen])
        queries = {IOUS[kind]: shape.occupancy(kind) for kind in shape.queries}
        ious = {
            name: round(iou(probabilities(generator, planes, points) >= threshold, inside), 6)
            for name, (points, inside) in queries.items()
        }
        yield next(generator.shapes([Request(shape.id, shape.category)], tokens, seed, config)), ious


def there_and_back(generator: ArgusGenerator, cloud: NDArray[np.floating]) -> tuple[Tensor, Tensor]:
    """Tokens (1, T) int64 and planes (1, 3, C, R, R) of one cloud (N, 3), in [-0.5, 0.5]."""
    autoencoder = generator.argus.autoencoder
    with torch.no_grad(), one_thread():
        tokens = autoencoder.encode(torch.from_numpy(cloud.astype(np.float32))[None].to(generator.device))
        return tokens, autoencoder.decode(tokens)


def probabilities(generator: ArgusGenerator, planes: Tensor, queries: NDArray[np.floating]) -> NDArray[np.float32]:
    """Occupancy (Q,) in [0, 1] of planes (1, 3, C, R, R) at points (Q, 3)."""
    places = torch.from_numpy(queries.astype(np.float32))[None].to(generator.device)
    with torch.no_grad(), one_thread():
        logits = generator.argus.autoencoder.occupancy(planes, places)[0]
    found: NDArray[np.float32] = logits.sigmoid().cpu().numpy()
    return found


def iou(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Intersection over union of two (Q,) masks, in [0, 1]; 1 when both are empty."""
    union = int((predicted | truth).sum())
    return float((predicted & truth).sum() / union) if union else 1.0
