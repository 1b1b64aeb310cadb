"""Training of stage 2 on the tokens of stage 1."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from argus3d.config import TransformerConfig
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.conditions import NO_CLASS, Conditions, Encoded
from argus3d.model.transformer import ShapeTransformer
from argus3d.train.loop import LoopConfig, run
from argus3d.train.token_batches import TokenBatch, TokenRow, describe, stack_rows
from argus3d.train.token_groups import MIRRORED, PLAIN, TokenGroup
from argus3d.train.training import SINGLE, Execution, Training, flat

VALIDATED = 48  # shapes of each group: the loss of that many is known to a hundredth


@dataclass(frozen=True)
class TransformerRecipe:
    """Which conditions the shapes of a step come with.

    kind : chance of each kind, beside the class, to take its place in all rows of a step
    nothing : share of rows that come without any condition, for guidance and for samples that nothing was asked of
    no_class : share of rows without a class where another kind is there: a text or an image alone is to be enough
    bottom : share of the parts that are the bottom half; the others are what is near a viewpoint
    """

    kind: float = 0.25
    nothing: float = 0.1
    no_class: float = 0.5
    bottom: float = 0.25


class TransformerTraining(Training[TokenBatch]):
    """One training run of stage 2: cross-entropy of the next token given the conditions and all tokens before."""

    model: ShapeTransformer

    def __init__(
        self, config: TransformerConfig, loop: LoopConfig, train: Sequence[TokenGroup],
        validation: Sequence[TokenGroup], autoencoder: ShapeAutoencoder, recipe: TransformerRecipe | None = None,
        execution: Execution = SINGLE,
    ) -> None:  # fmt: skip
        torch.manual_seed(loop.seed)
        self.model = ShapeTransformer(config).to(execution.device)
        self.loop, self.train, self.validation = loop, train, validation
        self.recipe = recipe or TransformerRecipe()
        self.autoencoder = autoencoder.to(execution.device).eval().requires_grad_(False)
        self.execution, self.device = execution, execution.device
        shares = np.array([group.weight * len(group) for group in train])
        self._shares = shares / shares.sum()
        self._kinds = [condition.kind for condition in config.conditions]

    def run(self, folder: Path) -> float:
        """Train to the end or go on where the last run stopped; returns the seconds spent."""
        return run(self, self.loop, self.execution, folder)

    def settings(self) -> dict[str, Any]:
        rows = {"rows": [len(group) for group in self.train], "shares": self._shares.round(6).tolist()}
        return flat({"model": _json(asdict(self.model.config)), "recipe": asdict(self.recipe)}) | rows

    def uses_all(self) -> bool:
        return not self._kinds  # a step has some kinds of conditions, seldom all

    def batch(self, number: int) -> TokenBatch:
        rng = np.random.default_rng([self.loop.seed, number])
        kinds = [kind for kind in self._kinds if rng.random() < self.recipe.kind]
        groups = rng.choice(len(self.train), self.loop.batch, p=self._shares)
        return stack_rows([self._row(self.train[group], kinds, rng) for group in groups], self.model.config)

    def _row(self, group: TokenGroup, kinds: Sequence[str], rng: np.random.Generator) -> TokenRow:
        """One shape with some of the conditions that the step has."""
        shape = int(rng.integers(len(group)))
        variant = int(rng.integers(group.tokens.shape[1]))
        if "image" in kinds and group.images is not None:
            variant %= MIRRORED + 1  # there are pictures of these alone
        nothing, no_class = rng.random() < self.recipe.nothing, rng.random() < self.recipe.no_class
        nothing = nothing and self.model.config.droppable
        category = NO_CLASS if nothing or (kinds and no_class) else int(group.classes[shape])
        given = () if nothing else kinds
        return describe(group, shape, variant, category, given, kinds, self.recipe.bottom, rng)

    def losses(self, number: int, batch: TokenBatch, rows: slice) -> dict[str, Tensor]:
        return {"loss": self._loss(batch.rows(rows))}

    def _loss(self, batch: TokenBatch) -> Tensor:
        target = batch.tokens.to(self.device)
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.loop.bfloat16):
            logits = self.model(target, self.conditions(batch))
        return F.cross_entropy(logits.float().flatten(0, 1), target.flatten())

    @torch.no_grad()
    def conditions(self, batch: TokenBatch) -> Conditions:
        """What the rows of a batch are asked to be, on the device; parts are described by the autoencoder."""
        features = {kind: given for kind, given in (("text", batch.texts), ("image", batch.images)) if given}
        if batch.parts is not None:
            points, given = batch.parts
            with torch.autocast(torch.device(self.device).type, enabled=False):
                values = self.autoencoder.describe_part(points.to(self.device))
            features["part"] = Encoded(values, given[:, None].expand(values.shape[:2]))
        return Conditions(batch.category, features).to(self.device)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Mean cross-entropy in nats a token, given the class, nothing, and each kind of condition with no class.

        `validation_gain_KIND` is how far the kind lies below nothing, over the groups that have it.
        """
        self.model.eval()
        found = {"": self._validate((), True)}
        if self.model.config.droppable:
            found["_nothing"] = self._validate((), False)
        kinds = {kind: self._validate((kind,), False) for kind in self._kinds}
        found |= {f"_{kind}": losses for kind, losses in kinds.items() if losses}
        self.model.train()
        metrics = {f"validation_loss{name}": np.mean(list(losses.values())) for name, losses in found.items()}
        for kind, losses in kinds.items():
            if losses:
                gains = [found["_nothing"][group] - loss for group, loss in losses.items()]
                metrics[f"validation_gain_{kind}"] = np.mean(gains)
        return {name: round(float(value), 5) for name, value in metrics.items()}

    def _validate(self, kinds: Sequence[str], with_class: bool) -> dict[int, float]:
        """Mean loss of each group that has `kinds`, by its number, over evenly chosen shapes."""
        losses = {}
        for number, group in enumerate(self.validation):
            if "image" in kinds and group.images is None:
                continue
            chosen = np.unique(np.linspace(0, len(group) - 1, VALIDATED).round().astype(int))
            rows = []
            for shape in chosen:
                category = int(group.classes[shape]) if with_class else NO_CLASS
                rng = np.random.default_rng(int(shape))
                rows.append(describe(group, int(shape), PLAIN, category, kinds, kinds, self.recipe.bottom, rng))
            parts = [stack_rows(rows[i : i + 16], self.model.config) for i in range(0, len(rows), 16)]
            losses[number] = sum(self._loss(part).item() * len(part.tokens) for part in parts) / len(rows)
        return losses


def _json(values: dict[str, Any]) -> dict[str, Any]:
    """Tuples as the lists that they become in JSON."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
