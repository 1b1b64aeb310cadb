"""The training loop of both stages: AdamW, warm-up and a schedule, clipping, averages, exact resume, a JSONL log."""

import math
import time
from collections.abc import Mapping
from contextlib import closing, nullcontext
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from argus3d.data.files import held
from argus3d.errors import UserError
from argus3d.train.ahead import ahead
from argus3d.train.average import WeightAverage
from argus3d.train.processes import first, rank, said_by_first, world
from argus3d.train.spread import Spread, like, like_parameters, recompute_blocks, together, whole
from argus3d.train.state import (
    Course,
    drop_log_after,
    read_state,
    write_best,
    write_log,
    write_state,
)
from argus3d.train.training import Execution, Stateful, Training
from argus3d.train.watch import Watch

Batch = TypeVar("Batch")
SCHEDULES = ("cosine", "constant")


@dataclass(frozen=True)
class LoopConfig:
    """Everything the loop decides; equal settings and seed give equal weights on one machine.

    batch : rows of a step, over all processes and slices
    ema : decay of the average of the weights that is validated and kept, 0 for none
    keep_best : metric of the validation whose best weights are kept; lower is better if its name tells of a loss
    patience : validations without a better `keep_best` after which the run ends, 0 for as many as there are
    """

    steps: int
    batch: int
    learning_rate: float
    warmup: int = 200
    weight_decay: float = 0.01
    clip: float = 1.0
    seed: int = 0
    bfloat16: bool = True
    validate_every: int = 500
    save_every: int = 500
    schedule: str = "cosine"
    ema: float = 0.0
    keep_best: str | None = None
    patience: int = 0

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise UserError(f"schedule {self.schedule!r} is not known; it is {' or '.join(SCHEDULES)}.")
        if not 0 <= self.ema < 1:
            raise UserError(f"ema is {self.ema}; a decay is at least 0 and less than 1.")
        if not (self.learning_rate > 0 and self.clip > 0):
            raise UserError(f"learning_rate is {self.learning_rate} and clip {self.clip}; both are more than 0.")
        if self.patience and self.keep_best is None:
            raise UserError("patience needs a metric to wait for; name it with --keep-best.")

    def rate(self, step: int) -> float:
        """Learning rate at `step`: linear warm-up, then constant, or cosine to 2 % of the peak."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        if self.schedule == "constant":
            return self.learning_rate
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))

    def better(self, value: float, best: float | None) -> bool:
        """Whether a value of `keep_best` is better than the best so far."""
        if math.isnan(value) or self.keep_best is None:
            return False
        lower = "loss" in self.keep_best
        return best is None or (value < best if lower else value > best)


def run(training: Training[Batch], config: LoopConfig, execution: Execution, folder: Path) -> float:
    """Train to the last step, or until `config.patience` ends, and return the seconds that all sessions took.

    `folder/last.pt` holds the state and is resumed from when it is there; `folder/log.jsonl` the course, a line at
    every validation; `folder/best.pt` the weights of the best validation where `config.keep_best` names a metric.

    Raises: UserError when the folder belongs to other settings or another run is at work in it, or a loss or gradient
    stops being a number.
    """
    if first():
        folder.mkdir(parents=True, exist_ok=True)
    with held(folder) if first() else nullcontext():
        return _Run(training, config, execution, folder).train()


class _Run:
    def __init__(self, training: Training[Any], config: LoopConfig, execution: Execution, folder: Path) -> None:
        self.training, self.config, self.folder = training, config, folder
        self.slices = slices(config.batch, execution.accumulate)
        if execution.recompute:
            recompute_blocks(training.model)
        self.spread = Spread(training, execution.parallel, config.bfloat16)
        self.optimizer = torch.optim.AdamW(
            _groups(training.model, config.weight_decay), lr=config.learning_rate, betas=(0.9, 0.99), fused=True
        )
        self.average = WeightAverage(training.model, config.ema) if config.ema else None
        self.parts: dict[str, Stateful] = {"model": training.model, "optimizer": self.optimizer, **training.state()}
        if self.average is not None:
            self.parts["ema"] = self.average
        self.settings = {"config": asdict(config), "training": training.settings()}
        self.course = self._resume()

    def train(self) -> float:
        began, before, config, course = time.monotonic(), self.course.seconds, self.config, self.course
        self.training.model.train()
        with closing(Watch(self.folder, course, config.steps)) as watch:
            if self._waited_enough():
                return course.seconds
            for number, batch in ahead(self.training.batch, course.done, config.steps):
                self._step(number, batch, watch)
                course.done, last = number + 1, number + 1 == config.steps
                course.seconds = before + time.monotonic() - began
                if course.done % config.validate_every == 0 or last:
                    self._validate(watch)
                    course.seconds = before + time.monotonic() - began
                ends = last or self._waited_enough()
                if course.done % config.save_every == 0 or ends:
                    watch.look()
                    self._save()
                if ends:
                    break
        return course.seconds

    def _waited_enough(self) -> bool:
        return 0 < self.config.patience <= self.course.stale

    def _step(self, number: int, batch: Any, watch: Watch) -> None:
        rate = self.config.rate(number)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        for rows in self.slices:
            torch.manual_seed(_seed(self.config.seed, number, rows.start))  # for dropout, where a model has it
            with nullcontext() if rows is self.slices[-1] else self.spread.alone():
                losses = self.spread.losses(number, batch, rows)
                (losses["loss"] / len(self.slices)).backward()
            for name, value in losses.items():
                part = value.detach() / len(self.slices)
                sums[name] = sums[name] + part if name in sums else part
        self.training.finish(number)
        norm = self._clip()
        self.optimizer.step()
        if self.average is not None:
            self.average.update(number)
        watch.add(number, sums, norm, rate)

    def _clip(self) -> Tensor:
        """Scale the gradients down to the norm that is allowed; the norm they had.

        Put together first: torch 2.8 adds the small number it divides by to the norm of each process's share.
        """
        parameters = list(self.training.model.parameters())
        norm = together(nn.utils.get_total_norm([one.grad for one in parameters if one.grad is not None]))
        nn.utils.clip_grads_with_norm_(parameters, self.config.clip, norm)
        return norm

    def _validate(self, watch: Watch) -> None:
        entry = {"step": self.course.done, "seconds": round(self.course.seconds, 1), **watch.values()}
        speed = {"learning_rate": self.config.rate(self.course.done - 1), "steps_per_second": round(watch.speed(), 3)}
        if self.average is not None:
            self.average.swap()
        found = said_by_first(self.training.validate())
        self._keep_best(found)
        if self.average is not None:
            self.average.swap()
        if first():
            write_log(self.folder, entry | speed | self.training.report() | found)
        watch.mark()

    def _keep_best(self, found: Mapping[str, float]) -> None:
        """Keep the weights, which are the averaged ones if there are such, of the best validation."""
        metric = self.config.keep_best
        if metric is None:
            return
        if metric not in found:
            raise UserError(f"--keep-best {metric} is not among what is validated: {', '.join(found)}.")
        if not self.config.better(found[metric], self.course.best):
            self.course.stale += 1
            return
        self.course.best, self.course.stale = found[metric], 0
        weights = whole(self.training.model.state_dict())
        if first():
            write_best(self.folder / "best.pt", self.course, weights)

    def _save(self) -> None:
        state = {name: whole(part.state_dict()) for name, part in self.parts.items()}
        if first():
            write_state(self.folder / "last.pt", self.course, self.settings, state)

    def _resume(self) -> Course:
        found = read_state(self.folder / "last.pt", self.settings, self._before(), shared=world() > 1)
        course = found[0] if found else Course()
        if said_by_first(course.done) != course.done:
            raise UserError(f"{self.folder} is not the same folder on all machines; name one that they share.")
        if found is not None:
            self._load(found[1])
        if first():
            drop_log_after(self.folder, course.done)
        return course

    def _before(self) -> dict[str, Any]:
        """What settings were before they were saved."""
        loop = {field.name: field.default for field in fields(LoopConfig) if field.default is not MISSING}
        return loop | self.training.settings_before()

    def _load(self, saved: dict[str, Any]) -> None:
        model = self.training.model
        now = model.state_dict()
        if saved["model"].keys() != now.keys() or any(saved["model"][name].shape != now[name].shape for name in now):
            raise UserError(f"{self.folder / 'last.pt'} holds a model of other sizes; name another folder.")
        saved["model"] = {name: like(value, now[name]) for name, value in saved["model"].items()}
        saved["optimizer"] = like_parameters(saved["optimizer"], self.optimizer)
        for name, part in self.parts.items():
            part.load_state_dict(saved[name])


def slices(batch: int, accumulate: int) -> list[slice]:
    """The rows of a batch that this process computes, in pieces of equal length.

    Raises: UserError when there are no such pieces.
    """
    length, rest = divmod(batch, world() * accumulate)
    if rest or not length:
        raise UserError(
            f"a batch of {batch} cannot be cut into {world()} (processes) x {accumulate} (--accumulate) equal pieces; "
            "choose a --batch-size that can."
        )
    start = rank() * accumulate * length
    return [slice(start + piece * length, start + (piece + 1) * length) for piece in range(accumulate)]


def _seed(seed: int, number: int, row: int) -> int:
    return ((seed * 1_000_003 + number) * 65_537 + row) % 2**63


def _groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay acts on matrices and kernels, not on biases and norms."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
