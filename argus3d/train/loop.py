"""The training loop of both stages: AdamW, warm-up and cosine, clipping, exact resume, a JSONL log."""

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from argus3d.data.files import beside
from argus3d.errors import UserError


@dataclass(frozen=True)
class LoopConfig:
    """Everything the loop decides; equal settings and seed give equal weights on one machine."""

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

    def rate(self, step: int) -> float:
        """Learning rate at `step`: linear warm-up, then cosine to 2 % of the peak."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


class Stateful(Protocol):
    """What is saved beside the weights so that a resumed run goes on exactly."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> Any: ...


Step = Callable[[int], dict[str, Tensor]]
Validate = Callable[[], dict[str, float]]


def run(
    model: nn.Module, step: Step, validate: Validate, config: LoopConfig, folder: Path, extra: Mapping[str, Stateful]
) -> float:
    """Train `model` for `config.steps` steps and return the seconds that all its sessions took.

    step : number of the step -> losses by name; "loss" is what is minimised
    validate : metrics by name, asked every `validate_every` steps and at the end

    `folder/last.pt` holds the state and is resumed from when it is there; `folder/log.jsonl` the course.

    Raises: UserError when the folder belongs to other settings, or the loss stops being a number.
    """
    optimizer = torch.optim.AdamW(
        _groups(model, config.weight_decay), lr=config.learning_rate, betas=(0.9, 0.99), fused=True
    )
    parts: dict[str, Stateful] = {"model": model, "optimizer": optimizer, **extra}
    first, spent, running = _resume(folder, parts, config)
    began = time.monotonic()
    model.train()
    steps = range(first, config.steps)
    progress = tqdm(steps, desc=folder.name, unit="step", initial=first, total=config.steps, disable=None)
    for number in progress:
        for group in optimizer.param_groups:
            group["lr"] = config.rate(number)
        losses = step(number)
        value = losses["loss"].item()
        if not math.isfinite(value):
            raise UserError(f"the loss at step {number} is {value}; the last good state is {folder / 'last.pt'}.")
        optimizer.zero_grad(set_to_none=True)
        losses["loss"].backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
        running = 0.98 * running + 0.02 * value if number else value
        progress.set_postfix(loss=f"{running:.4f}", refresh=False)
        done = number + 1
        if done % config.validate_every == 0 or done == config.steps:
            entry = {name: round(part.item(), 6) for name, part in losses.items()} | {"running_loss": round(running, 6)}
            _log(folder, {"step": done, "seconds": round(spent + time.monotonic() - began, 1), **entry, **validate()})
        if done % config.save_every == 0 or done == config.steps:
            seconds = spent + time.monotonic() - began
            _save(folder, parts, {"done": done, "seconds": seconds, "running": running, "config": asdict(config)})
    return spent + time.monotonic() - began


def _groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay acts on matrices and kernels, not on biases and norms."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _save(folder: Path, parts: Mapping[str, Stateful], facts: Mapping[str, Any]) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}
    with beside(folder / "last.pt") as scratch:
        torch.save({**facts, "state": state}, scratch)


def _resume(folder: Path, parts: Mapping[str, Stateful], config: LoopConfig) -> tuple[int, float, float]:
    """Steps done, seconds spent and the running loss of the last save."""
    path = folder / "last.pt"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        return 0, 0.0, 0.0
    saved = torch.load(path, weights_only=True, map_location="cpu")
    if saved["config"] != asdict(config):
        raise UserError(f"{path} was trained with other settings; remove it or name another folder.")
    for name, part in parts.items():
        part.load_state_dict(saved["state"][name])
    _drop_log_after(folder, saved["done"])
    return int(saved["done"]), float(saved["seconds"]), float(saved["running"])


def _drop_log_after(folder: Path, done: int) -> None:
    """Lines that an interrupted run logged after its last save will be written again."""
    path = folder / "log.jsonl"
    if not path.exists():
        return
    lines = [line for line in path.read_text().splitlines() if json.loads(line)["step"] <= done]
    with beside(path) as scratch:
        scratch.write_text("".join(f"{line}\n" for line in lines))


def _log(folder: Path, entry: dict[str, Any]) -> None:
    with (folder / "log.jsonl").open("a") as stream:
        stream.write(json.dumps(entry) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
