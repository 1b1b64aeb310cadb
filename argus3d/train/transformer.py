"""Training of stage 2 on the tokens of stage 1."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from argus3d.config import TransformerConfig
from argus3d.data.files import beside
from argus3d.data.prepared import PreparedShape
from argus3d.data.streams import item_rng
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.transformer import ShapeTransformer
from argus3d.train.data import Augmentation, OccupancyData
from argus3d.train.loop import LoopConfig, run
from argus3d.train.training import SINGLE, Execution, Training, flat


@dataclass(frozen=True)
class TokenData:
    """tokens : (S, T) int16; classes : (S,) int64; weights : (S,) float64, how often each row is drawn, relative."""

    tokens: NDArray[np.int16]
    classes: NDArray[np.int64]
    weights: NDArray[np.float64]

    @classmethod
    def join(cls, parts: Sequence["TokenData"]) -> "TokenData":
        """All rows of all parts."""
        names = ("tokens", "classes", "weights")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True)
class Variants:
    """How many augmented clouds of each shape are encoded; the first is the shape as it is."""

    count: int
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(mirror_z=False, scale=0.15))

    def matrices(self, rng: np.random.Generator) -> list[NDArray[np.float64]]:
        """What changes each variant, (3, 3)."""
        return [np.eye(3), *(self.augmentation.matrix(rng) for _ in range(self.count - 1))]


@torch.no_grad()
def encode_shapes(
    autoencoder: ShapeAutoencoder, shapes: Sequence[PreparedShape], variants: Variants, seed: int, cache: Path
) -> NDArray[np.int16]:
    """Tokens (S, K, T) int16 of K variants of each of S shapes; kept in `cache` and read from there the next time."""
    if cache.exists():
        return np.asarray(np.load(cache, allow_pickle=False))
    data = OccupancyData(shapes)
    rows = []
    for index in tqdm(range(len(shapes)), desc=f"encode {cache.stem}", unit="shape", disable=None):
        rng = item_rng(seed, shapes[index].id)
        clouds = [data.cloud(index, autoencoder.config.points, rng, matrix) for matrix in variants.matrices(rng)]
        rows.append(autoencoder.encode(torch.from_numpy(np.stack(clouds))).numpy().astype(np.int16))
    with beside(cache) as scratch:
        np.save(scratch, np.stack(rows))
    return np.stack(rows)


class TransformerTraining(Training[TokenData]):
    """One training run of stage 2: cross-entropy of the next token given the class and all tokens before."""

    model: ShapeTransformer

    def __init__(
        self, config: TransformerConfig, loop: LoopConfig, train: TokenData, validation: TokenData,
        execution: Execution = SINGLE,
    ) -> None:  # fmt: skip
        torch.manual_seed(loop.seed)
        self.model = ShapeTransformer(config).to(execution.device)
        self.loop, self.train, self.validation = loop, train, validation
        self.execution, self.device = execution, execution.device
        self._cumulative = np.cumsum(train.weights)

    def run(self, folder: Path) -> float:
        """Train to the end or go on where the last run stopped; returns the seconds spent."""
        return run(self, self.loop, self.execution, folder)

    def settings(self) -> dict[str, Any]:
        return flat({"model": asdict(self.model.config)}) | {"rows": len(self.train.tokens)}

    def batch(self, number: int) -> TokenData:
        rng = np.random.default_rng([self.loop.seed, number])
        rows = np.searchsorted(self._cumulative, rng.random(self.loop.batch) * self._cumulative[-1], side="right")
        return TokenData(*(column[rows] for column in (self.train.tokens, self.train.classes, self.train.weights)))

    def losses(self, number: int, batch: TokenData, rows: slice) -> dict[str, Tensor]:
        return {"loss": self._loss(batch.tokens[rows], batch.classes[rows])}

    def _loss(self, tokens: NDArray[np.int16], classes: NDArray[np.int64]) -> Tensor:
        target = torch.from_numpy(tokens.astype(np.int64)).to(self.device)
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.loop.bfloat16):
            logits = self.model(target, torch.from_numpy(classes).to(self.device))
        return F.cross_entropy(logits.float().flatten(0, 1), target.flatten())

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Mean cross-entropy over the validation rows, in nats a token."""
        self.model.eval()
        tokens, classes = self.validation.tokens, self.validation.classes
        losses = [
            self._loss(tokens[i : i + 32], classes[i : i + 32]).item() * len(tokens[i : i + 32])
            for i in range(0, len(tokens), 32)
        ]
        self.model.train()
        return {"validation_loss": round(sum(losses) / len(tokens), 5)}
