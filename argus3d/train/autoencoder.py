"""Training of stage 1."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from argus3d.config import AutoencoderConfig
from argus3d.errors import UserError
from argus3d.model.autoencoder import AutoencoderLosses, ShapeAutoencoder
from argus3d.train.codebook import CodebookAverage
from argus3d.train.data import Augmentation, OccupancyBatch, OccupancyData
from argus3d.train.loop import LoopConfig, run
from argus3d.train.processes import first, gathered
from argus3d.train.training import SINGLE, Execution, Stateful, Training, flat

CODEBOOKS = ("averages", "gradient")
THRESHOLDS = np.round(np.arange(0.2, 0.71, 0.05), 2)


@dataclass(frozen=True)
class AutoencoderRecipe:
    """What stage 1 trains with besides the loop's own settings.

    commitment : weight of the term that moves latents to codes
    unquantized_steps : before the codebook starts from the latents that there are then; 0 for a codebook as it was made
    codebook : how codes move: "averages" of the latents that take them, with restarts of those that nobody takes, or by
        the "gradient" of the term that `AutoencoderConfig.codebook_weight` weighs
    near_weight : what a query near the surface counts, where a uniform one counts 1
    """

    queries: int = 2048  # uniform, and as many near the surface
    commitment: float = 0.25
    unquantized_steps: int = 300
    restart_every: int = 20
    restart_until: float = 0.75
    augmentation: Augmentation = field(default_factory=Augmentation)
    near_weight: float = 1.0
    codebook: str = "averages"

    def __post_init__(self) -> None:
        if self.codebook not in CODEBOOKS:
            raise UserError(f"codebook {self.codebook!r} is not known; it is {' or '.join(CODEBOOKS)}.")
        if not self.near_weight >= 0:
            raise UserError(f"near_weight is {self.near_weight}; a query counts 0 or more.")


class AutoencoderTraining(Training[OccupancyBatch]):
    """One training run of stage 1 on shapes drawn group by group, each group with its share of the batch.

    Mean binary cross-entropy over the queries, the commitment term, and a codebook that the recipe says how to move.
    """

    model: ShapeAutoencoder

    def __init__(
        self, config: AutoencoderConfig, loop: LoopConfig, recipe: AutoencoderRecipe,
        groups: list[OccupancyData], shares: list[float], validation: dict[str, OccupancyData],
        execution: Execution = SINGLE,
    ) -> None:  # fmt: skip
        torch.manual_seed(loop.seed)
        # Convolutions of so few channels take a seventh less time where the channels of a pixel lie together.
        layout = torch.channels_last_3d if config.representation == "grid" else torch.channels_last
        self.model = ShapeAutoencoder(config).to(execution.device).to(memory_format=layout)  # type: ignore[call-overload]
        self.by_gradient = recipe.codebook == "gradient"
        self.model.quantizer.codebook.weight.requires_grad_(self.by_gradient)
        self.codebook = CodebookAverage(self.model.quantizer)
        self.loop, self.recipe, self.groups, self.shares = loop, recipe, groups, shares
        self.validation, self.execution, self.device = validation, execution, execution.device
        self._taken: list[tuple[Tensor, Tensor]] = []  # latents and tokens of the slices of this step
        self._generator = torch.Generator()

    def run(self, folder: Path) -> float:
        """Train to the end or go on where the last run stopped; returns the seconds spent."""
        return run(self, self.loop, self.execution, folder)

    def settings(self) -> dict[str, Any]:
        sizes = {"model": asdict(self.model.config), "recipe": asdict(self.recipe)}
        return flat(sizes) | {"shapes": [len(group) for group in self.groups], "shares": self.shares}

    def settings_before(self) -> dict[str, Any]:
        return {
            "model.local_coordinates": False, "model.representation": "coupled", "recipe.codebook": "averages"
        }  # fmt: skip

    def state(self) -> dict[str, Stateful]:
        return {"codebook": self.codebook}

    def uses_all(self) -> bool:
        return self.model.config.encoder_unet != "unused" and not self.by_gradient  # without codes at first

    def batch(self, number: int) -> OccupancyBatch:
        # One generator decides which group each row of the batch comes from, then its shape.
        rng = np.random.default_rng([self.loop.seed, number])
        chosen = rng.choice(len(self.groups), self.loop.batch, p=self.shares)
        rows = []
        for group in chosen:
            data = self.groups[group]
            index = rng.integers(len(data), size=1)
            rows.append(data.batch(index, self.model.config.points, self.recipe.queries, self.recipe.augmentation, rng))
        batch = OccupancyBatch(*(torch.cat(column) for column in zip(*rows, strict=True)))
        batch.weight[:, self.recipe.queries :] *= self.recipe.near_weight
        return batch

    def losses(self, number: int, batch: OccupancyBatch, rows: slice) -> dict[str, Tensor]:
        part = OccupancyBatch(*(column[rows].to(self.device) for column in batch))
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.loop.bfloat16):
            codes = self.model.codes(part.points)
            used, terms = self._quantize(codes, number)
            logits = self.model.occupancy(self.model.uncoupler(self.model.quantizer.expand(used)), part.queries)
        entropy = F.binary_cross_entropy_with_logits(logits.float(), part.inside, part.weight, reduction="sum")
        # Over the weight of the whole batch, so that the mean of slices is the whole; times 1.0 for one slice.
        occupancy = entropy / batch.weight.sum().to(self.device) * (len(batch.weight) / len(part.weight))
        loss = occupancy + self.recipe.commitment * terms.commitment
        if self.by_gradient:
            loss = loss + self.model.config.codebook_weight * terms.codebook
        return {"loss": loss, "occupancy": occupancy, "commitment": terms.commitment}

    def _quantize(self, codes: Tensor, number: int) -> tuple[Tensor, AutoencoderLosses]:
        codes = codes.float()
        if number < self.recipe.unquantized_steps:
            return codes, AutoencoderLosses(codes.new_zeros(()), codes.new_zeros(()))
        if not self._taken:
            self._generator.manual_seed(self.loop.seed * 1_000_003 + number)
        if not self._taken and number == self.recipe.unquantized_steps > 0:
            self._start_codebook(number)
        tokens = self.model.quantizer.nearest(codes)
        nearest = self.model.quantizer.codebook(tokens)
        self._taken.append((codes.detach().flatten(0, 1), tokens.flatten()))
        losses = AutoencoderLosses(F.mse_loss(nearest, codes.detach()), F.mse_loss(codes, nearest.detach()))
        return codes + (nearest - codes).detach(), losses

    def _start_codebook(self, number: int) -> None:
        if first():
            self.codebook.start(self._start_latents(number), self._generator)
        self.codebook.copy_from_first()

    @torch.no_grad()
    def _start_latents(self, number: int) -> Tensor:
        """Latents (N, D) of the last 32 batches, encoded again so that a resumed run starts from the same."""
        clouds = [self.batch(n).points.to(self.device) for n in range(max(0, number - 32), number)]
        return torch.cat([self.model.codes(points).float().flatten(0, 1) for points in clouds])

    def finish(self, number: int) -> None:
        if not self._taken:
            return
        latents, tokens = (gathered(torch.cat(column)) for column in zip(*self._taken, strict=True))
        self._taken = []
        if self.by_gradient:
            self.codebook.count_use(tokens)
            return
        if first():  # and the others copy: sums on a GPU round in another order each time
            self.codebook.update(latents, tokens)
            if number % self.recipe.restart_every == 0 and number < self.recipe.restart_until * self.loop.steps:
                self.codebook.restart(latents, self._generator)
        self.codebook.copy_from_first()

    def report(self) -> dict[str, float]:
        return {"perplexity": round(self.codebook.perplexity(), 1), "restarts": self.codebook.restarts}

    def validate(self) -> dict[str, float]:
        """Mean IoU on uniform points of each validation set at the threshold that is best for all, and codebook use."""
        self.model.eval()
        curves, used = {}, set()
        for name, data in self.validation.items():
            curve, tokens = iou_curves(self.model, data, self.loop.bfloat16)
            curves[name] = curve.mean(0)
            used.update(tokens.unique().tolist())
        self.model.train()
        best = int(np.mean(list(curves.values()), 0).argmax())
        report = {f"iou_{name}": round(float(curve[best]), 4) for name, curve in curves.items()}
        return report | {
            "threshold": float(THRESHOLDS[best]),
            "codebook_use": round(len(used) / self.model.config.codebook_size, 4),
        }


@torch.no_grad()
def iou_curves(
    model: ShapeAutoencoder, data: OccupancyData, bfloat16: bool, batch: int = 8
) -> tuple[np.ndarray, Tensor]:
    """IoU on the uniform points of each shape at each of `THRESHOLDS`, (S, K) float64, and the tokens (S, T)."""
    device = next(model.parameters()).device
    ious, all_tokens = [], []
    for start in range(0, len(data), batch):
        rows = range(start, min(start + batch, len(data)))
        clouds = np.stack([data.cloud(i, model.config.points, np.random.default_rng(i), np.eye(3)) for i in rows])
        stored = [data.shape(i) for i in rows]
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            tokens = model.encode(torch.from_numpy(clouds).to(device))
            queries = torch.from_numpy(np.stack([one.uniform for one in stored]).astype(np.float32)).to(device)
            probability = torch.sigmoid(model.occupancy(model.decode(tokens), queries).float()).cpu().numpy()
        for row, truth in zip(probability, (one.uniform_inside for one in stored), strict=True):
            above = row >= THRESHOLDS[:, None]
            ious.append((above & truth).sum(1) / np.maximum(1, (above | truth).sum(1)))
        all_tokens.append(tokens.cpu())
    return np.stack(ious), torch.cat(all_tokens)
