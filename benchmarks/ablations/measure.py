"""What is measured of a trained model: IoU and loss shape by shape, and the set metrics of a few samples."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from argus3d.data.prepared import PreparedShape
from argus3d.data.streams import item_rng
from argus3d.generator import ArgusGenerator, Request, SamplingConfig
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.transformer import ShapeTransformer
from argus3d.train.autoencoder import THRESHOLDS, iou_curves
from argus3d.train.data import OccupancyData
from argus3d.train.token_groups import PLAIN, TokenGroup
from benchmarks.ablations.shapes import cloud_of
from eval.distances.chamfer_pairs import ChamferPairs
from eval.distances.sets import Sets
from eval.meshes import sample_triangles
from eval.normalize import normalize
from eval.protocol import Protocol
from eval.results import MetricValue
from eval.set_metrics import set_metrics

DISTANCE = "cd"
ROWS = 16  # token sequences at a time


def reconstructions(model: ShapeAutoencoder, sources: Mapping[str, OccupancyData], bfloat16: bool) -> dict[str, Any]:
    """IoU of every shape by source, at the threshold that is best for all sources, and how many codes are used."""
    found = {name: iou_curves(model, data, bfloat16) for name, data in sources.items()}
    best = int(np.mean([curves.mean(0) for curves, _ in found.values()], 0).argmax())
    used = torch.cat([tokens.flatten() for _, tokens in found.values()]).unique()
    return {
        "iou": {name: curves[:, best].round(6).tolist() for name, (curves, _) in found.items()},
        "threshold": float(THRESHOLDS[best]),
        "codebook_use": len(used) / model.config.codebook_size,
    }


@torch.no_grad()
def losses(model: ShapeTransformer, groups: Sequence[TokenGroup]) -> list[float]:
    """Cross-entropy of every shape as it is, given its class: nats a token, shapes of no class left out."""
    tokens = torch.cat([torch.from_numpy(group.tokens[:, PLAIN].astype(np.int64)) for group in groups])
    classes = torch.cat([torch.from_numpy(group.classes) for group in groups])
    found = []
    for rows, category in zip(tokens[classes >= 0].split(ROWS), classes[classes >= 0].split(ROWS), strict=True):
        nats = F.cross_entropy(model(rows, category).flatten(0, 1), rows.flatten(), reduction="none")
        found += nats.view(rows.shape).mean(1).tolist()
    return [round(loss, 6) for loss in found]


def samples(
    generator: ArgusGenerator, asked: Sequence[PreparedShape], config: SamplingConfig, protocol: Protocol
) -> dict[str, Any]:
    """A sample of the class of each shape, measured against these shapes by Chamfer distances.

    A sample without a surface leaves both sets, with the shape that it was made for; `empty` counts them.
    """
    made, real = [], []
    wanted = [Request(shape.id, shape.category) for shape in asked]
    for shape, sample in zip(asked, generator.generate(wanted, protocol.seed, config), strict=True):
        if sample.empty:
            continue
        # Another stream than the shape's own points have.
        triangles, rng = sample.vertices[sample.faces].astype(np.float64), item_rng(protocol.seed, f"sample:{shape.id}")
        made.append(sample_triangles(triangles, protocol.points, rng, shape.id)[0])
        real.append(cloud_of(shape, protocol.points, protocol.seed))
    counts = {"asked": len(asked), "empty": len(asked) - len(made)}
    if len(made) < 2:
        return counts | {"metrics": {}, "notes": ["fewer than two samples have a surface"]}
    clouds: npt.NDArray[np.float32] = np.stack([*made, *real])
    pairs = ChamferPairs(normalize(clouds, protocol.normalization), kind=protocol.chamfer)
    metrics, notes = set_metrics(Sets(pairs, len(made)), protocol, DISTANCE)
    return counts | {"metrics": {name: _written(value) for name, value in metrics.items()}, "notes": notes}


def _written(value: MetricValue) -> dict[str, Any]:
    """JSON has no nan."""
    return {key: None if one != one else one for key, one in asdict(value).items()}
