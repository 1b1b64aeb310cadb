"""What a training leaves in its folder: `last.pt` to go on from, `best.pt`, `log.jsonl`; and what is made of them."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from argus3d.data.files import beside
from argus3d.data.pickles import require_modest
from argus3d.errors import UserError, raise_if_machine


@dataclass
class Course:
    """Where a run stands: steps done, seconds of all sessions, the running loss, and the best validation so far.

    stale : validations since the best one
    """

    done: int = 0
    seconds: float = 0.0
    running: float = 0.0
    best: float | None = None
    stale: int = 0


class Trained(NamedTuple):
    """weights : the state dict that a checkpoint is made of; course : the line of the log at which they were taken."""

    weights: dict[str, Tensor]
    course: dict[str, Any]


def write_state(path: Path, course: Course, settings: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write all that a run needs to go on, whole or not at all."""
    _write(path, {**asdict(course), **settings, "state": dict(state)})


def write_best(path: Path, course: Course, weights: Mapping[str, Tensor]) -> None:
    """Write the weights of the best validation."""
    _write(path, {"done": course.done, "weights": dict(weights)})


def _write(path: Path, content: dict[str, Any]) -> None:
    with beside(path) as scratch, scratch.open("wb") as stream:
        try:
            torch.save(content, stream)
        except RuntimeError as error:
            # torch, asked to close its archive, covers what the disk said with words of its own.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from error
            raise


def read_state(
    path: Path, settings: Mapping[str, Mapping[str, Any]], defaults: Mapping[str, Any], shared: bool
) -> tuple[Course, dict[str, Any]] | None:
    """The course and the states that were saved last, or None for a folder where nothing was saved yet.

    settings : groups of settings that must be those of the run that saved; groups that it did not know are not compared
    defaults : what settings were before they were saved
    shared : let processes share the pages of the file

    Raises: UserError naming the settings that differ, or for a file that cannot be read.
    """
    if not path.exists():
        return None
    saved = _read(path, shared, "state")
    groups = [({**defaults, **saved[group]}, now) for group, now in settings.items() if group in saved]
    found = [difference for before, now in groups for difference in _differences(before, now)]
    if found:
        raise UserError(
            f"{path} was trained with other settings: {', '.join(found)}; name another folder or remove this one."
        )
    return Course(**{field.name: saved[field.name] for field in fields(Course) if field.name in saved}), saved["state"]


def _read(path: Path, shared: bool, part: str) -> dict[str, Any]:
    try:
        require_modest(path, shared)
        saved: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu", mmap=shared)
    except (FileNotFoundError, PermissionError):
        raise
    except Exception as error:  # a damaged stream makes the unpickler raise anything
        raise_if_machine(error, path)
        raise UserError(f"{path} is damaged or no state of a training; remove it to begin anew.") from error
    found = saved.get(part) if isinstance(saved, dict) and "done" in saved else None
    if not isinstance(found, dict) or (part == "state" and "model" not in found):
        raise UserError(f"{path} is no state of a training; remove it to begin anew.")
    return saved


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name, value in now.items():
        if name not in before or before[name] != value:
            yield f"{name} was {before.get(name)} and is {value}"


def write_log(folder: Path, entry: Mapping[str, Any]) -> None:
    """Add a line to the log."""
    with (folder / "log.jsonl").open("a") as stream:
        stream.write(json.dumps(entry) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def drop_log_after(folder: Path, done: int) -> None:
    """Lines that an interrupted run logged after its last save will be written again."""
    path = folder / "log.jsonl"
    if not path.exists():
        return
    # A kill can leave half a line at the end.
    lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    with beside(path) as scratch:
        scratch.write_text("".join(line for line in lines if json.loads(line)["step"] <= done))


def trained(folder: Path) -> Trained:
    """The weights that a checkpoint is made of: the best, or else the average, or else the last.

    Raises: UserError when nothing was trained in this folder.
    """
    best, last = folder / "best.pt", folder / "last.pt"
    if not last.exists():
        raise UserError(f"{last} is missing; train first, with `argus3d train ... --out {folder}`.")
    saved = _read(last, shared=True, part="state")  # the optimiser's part is large and stays on disk
    weights = saved["state"].get("ema", saved["state"]["model"])
    if saved.get("best") is not None:  # and not another run's
        saved = _read(best, shared=True, part="weights")
        weights = saved["weights"]
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    line = next((line for line in lines if line["step"] == saved["done"]), None)
    if line is None:
        raise UserError(f"{folder / 'log.jsonl'} has no line of step {saved['done']}; let the training end.")
    return Trained(weights, line)
