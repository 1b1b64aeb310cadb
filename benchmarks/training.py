"""Throughput of the training loop against a bare one: forward, backward and optimiser step on one resident batch.

    python -m benchmarks.training --out reports/results/bench-training.json

The bare loop draws nothing, clips nothing, checks nothing and writes nothing. Ours is `train.loop.run` as users run it,
with a state and a line of the log at the end of each round. Both in turn, in one process, for both stages of nano on
shapes without meaning but of the usual sizes; every step has all kinds of conditions. With a CUDA device also stage 2
at the released sizes, as a share of the card's bfloat16 peak.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from argus3d import memory
from argus3d.bench import conditions, settle
from argus3d.config import ArgusConfig, ConditionConfig
from argus3d.data.files import write_json
from argus3d.data.shape_files import PrepareConfig
from argus3d.errors import UserError
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.train.autoencoder import AutoencoderRecipe, AutoencoderTraining
from argus3d.train.data import OccupancyData
from argus3d.train.loop import LoopConfig, slices
from argus3d.train.predict import Plan, autoencoder_step, transformer_step
from argus3d.train.spread import recompute_blocks
from argus3d.train.token_groups import TokenGroup, Variants
from argus3d.train.training import SINGLE, Execution, Training
from argus3d.train.transformer import TransformerRecipe, TransformerTraining

ASKED = 0.90  # ours as a share of the bare loop's throughput
ASKED_OF_PEAK = 0.45  # of stage 2 at the released sizes on one card
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}  # operations a second in bfloat16, dense
SHAPES = 64
# Of what fits on a card of 80 GB, the fastest first: rows at once, and whether blocks are computed again.
CARD_PLANS = ((4, False), (2, False), (1, False), (4, True))
WORKING = 4e9  # bytes that a step takes beside what is predicted: logits, workspaces, gaps between allocations
Make = Callable[[LoopConfig], Training[Any]]


@dataclass(frozen=True)
class RandomShape:
    """Points and queries of the usual numbers, in place of a prepared shape."""

    seed: int
    sizes: PrepareConfig
    queries: tuple[str, ...] = ("uniform", "near")

    def cloud(self) -> NDArray[np.float16]:
        return self._points(self.sizes.surface_points)

    def occupancy(self, kind: str) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
        count = self.sizes.uniform_points if kind == "uniform" else self.sizes.near_points
        points = self._points(count)
        return points, points[:, 0] > 0

    def _points(self, count: int) -> NDArray[np.float16]:
        return (np.random.default_rng([self.seed, count]).random((count, 3), np.float32) - 0.5).astype(np.float16)


def stage_1(config: ArgusConfig, sizes: PrepareConfig, execution: Execution) -> Make:
    """Stage 1 in the part of its course that is longest: with a codebook, which starts at step 1."""
    data = OccupancyData([RandomShape(seed, sizes) for seed in range(SHAPES)])  # type: ignore[misc]
    recipe = replace(AutoencoderRecipe(), unquantized_steps=1)
    return lambda loop: AutoencoderTraining(config.autoencoder, loop, recipe, [data], [1.0], {}, execution)


def stage_2(config: ArgusConfig, kinds: tuple[ConditionConfig, ...], execution: Execution) -> Make:
    """Stage 2 with `kinds` in every step."""
    rng = np.random.default_rng(0)
    sizes, matrices = config.transformer, np.stack([Variants(4).matrices(rng) for _ in range(SHAPES)])
    tokens = rng.integers(sizes.vocabulary, size=(SHAPES, 4, sizes.tokens)).astype(np.int16)
    given = {kind.kind: rng.standard_normal((SHAPES, 2, 4, kind.length, kind.features)).astype(np.float16)
             for kind in kinds if kind.kind != "part"}  # fmt: skip
    texts = (given["text"][:, 0, 0], np.ones((SHAPES, given["text"].shape[3]), bool)) if "text" in given else None
    clouds = (rng.random((SHAPES, 2 * config.autoencoder.points, 3), np.float32) - 0.5).astype(np.float16)
    group = TokenGroup(1.0, tokens, np.zeros(SHAPES, np.int64), clouds, matrices, texts, given.get("image"))
    guided = replace(sizes, conditions=kinds, droppable=bool(kinds))
    recipe = TransformerRecipe(kind=1.0, nothing=0.0)
    autoencoder = ShapeAutoencoder(config.autoencoder)
    return lambda loop: TransformerTraining(guided, loop, [group], [], autoencoder, recipe, execution)


def usual_conditions(config: ArgusConfig) -> tuple[ConditionConfig, ...]:
    """Text and image by the small encoders, and part."""
    text = ConditionConfig("text", "minilm-sentence", 384, 1)
    image = ConditionConfig("image", "efficientnet-lite0-global", 1280, 1)
    return text, image, config.autoencoder.part_condition


def bare(training: Training[Any], loop: LoopConfig, execution: Execution, device: torch.device) -> float:
    """Seconds of `loop.steps` steps of the bare loop."""
    weights = [parameter for parameter in training.model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=loop.learning_rate, fused=True)
    batch, pieces = training.batch(0), slices(loop.batch, execution.accumulate)
    training.model.train()
    settle(device)
    start = time.perf_counter()
    for _ in range(loop.steps):
        optimizer.zero_grad(set_to_none=True)
        for rows in pieces:
            (training.losses(2, batch, rows)["loss"] / len(pieces)).backward()
        optimizer.step()
        getattr(training, "_taken", []).clear()  # latents for the codebook, which stays as it is here
    settle(device)
    return time.perf_counter() - start


def ours(training: Training[Any], device: torch.device) -> float:
    """Seconds of a whole run, from the first batch to the state on disk; it validates nothing."""
    training.validate = dict  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        settle(device)
        start = time.perf_counter()
        training.run(Path(folder))  # type: ignore[attr-defined]
        settle(device)
        return time.perf_counter() - start


def compare(make: Make, loop: LoopConfig, execution: Execution, rounds: int) -> dict[str, Any]:
    """Both loops in turn, each first in every other round, after a short round of each that does not count."""
    device = torch.device(execution.device)
    short = replace(loop, steps=3)
    bare(make(short), short, execution, device)
    ours(make(short), device)
    seconds: dict[str, list[float]] = {"bare": [], "ours": []}
    for number in range(rounds):
        for name in ("bare", "ours") if number % 2 else ("ours", "bare"):
            training = make(loop)
            took = bare(training, loop, execution, device) if name == "bare" else ours(training, device)
            seconds[name].append(took)
    ratios = [theirs / mine for theirs, mine in zip(seconds["bare"], seconds["ours"], strict=True)]
    per_step = {name: [round(one / loop.steps, 5) for one in taken] for name, taken in seconds.items()}
    return {
        "batch": loop.batch, "steps_a_round": loop.steps, "seconds_a_step": per_step,
        "ratios": [round(ratio, 3) for ratio in ratios], "ratio": round(statistics.median(ratios), 3), "asked": ASKED,
    }  # fmt: skip


def of_peak(config: ArgusConfig, device: torch.device, peak: float, batch: int, steps: int) -> dict[str, Any]:
    """Stage 2 without conditions, our loop and the bare one, as a share of the peak of one card."""
    plan = card_plan(config, memory.free_bytes(device), batch)
    execution = Execution(str(device), accumulate=plan.accumulate, recompute=plan.recompute)
    predicted = transformer_step(config.transformer, plan)
    make, loop = stage_2(config, (), execution), loop_of(batch, steps)
    found: dict[str, Any] = {"plan": asdict(plan), "predicted_bytes": predicted.bytes, "asked": ASKED_OF_PEAK}
    for name in ("ours", "bare"):
        torch.cuda.reset_peak_memory_stats(device)
        training = make(loop)  # one at a time: two of them do not fit
        if name == "bare" and plan.recompute:
            recompute_blocks(training.model)
        took = bare(training, loop, execution, device) if name == "bare" else ours(training, device)
        found[name] = {
            "seconds_a_step": took / steps, "of_peak": predicted.flops * steps / took / peak,
            "peak_bytes": torch.cuda.max_memory_allocated(device),
        }  # fmt: skip
        del training
        torch.cuda.empty_cache()
    return found


def card_plan(config: ArgusConfig, free: float, batch: int) -> Plan:
    """How a step of `batch` rows fits in `free` bytes. Raises: UserError when it does not."""
    for rows, recompute in CARD_PLANS:
        plan = Plan(batch, accumulate=batch // rows, recompute=recompute)
        if transformer_step(config.transformer, plan).bytes + WORKING < free:
            return plan
    raise UserError(f"{memory.readable(free)} are free on the device, too few to train these sizes.")


def loop_of(batch: int, steps: int) -> LoopConfig:
    """The usual settings, with one validation and one state at the end."""
    return LoopConfig(steps=steps, batch=batch, learning_rate=1e-3, validate_every=steps, save_every=steps)


def predictions() -> dict[str, Any]:
    """A step of 16 rows of every preset on one card of H100's peak at the share that was asked."""
    found: dict[str, Any] = {}
    for name in ("nano", "base", "large", "huge"):
        config, plan = ArgusConfig.preset(name), Plan(16, accumulate=8)
        stages = {
            "autoencoder": autoencoder_step(config.autoencoder, 2 * AutoencoderRecipe().queries, plan),
            "transformer": transformer_step(config.transformer, plan),
        }
        found[name] = {stage: one.told(ASKED_OF_PEAK * PEAKS["H100"], 1) for stage, one in stages.items()}
    return found


def measure(config: ArgusConfig, sizes: PrepareConfig, execution: Execution, steps: int, rounds: int) -> dict[str, Any]:
    """Both stages of `config`, in the batches that `argus3d train` takes."""
    return {
        "autoencoder": compare(stage_1(config, sizes, execution), loop_of(4, steps), execution, rounds),
        "transformer": compare(
            stage_2(config, usual_conditions(config), execution), loop_of(8, steps), execution, rounds
        ),
    }  # fmt: skip


def _huge(device: torch.device, card: str) -> dict[str, Any]:
    peak = next((peak for name, peak in PEAKS.items() if name in card), None)
    if peak is None:
        return {"not measured": f"the peak of {card} is not known here"}
    try:
        return of_peak(ArgusConfig.preset("huge"), device, peak, 16, 10)
    except UserError as error:
        return {"not measured": str(error)}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=60, help="of a round (default: 60)")
    parser.add_argument("--rounds", type=int, default=5, help="(default: 5)")
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    execution = replace(SINGLE, device=device.type)
    report: dict[str, Any] = {
        "nano": measure(ArgusConfig.preset("nano"), PrepareConfig(), execution, arguments.steps, arguments.rounds),
        "predicted, 16 rows in 8 slices": predictions(),
        "conditions": conditions(device),
    }
    if device.type == "cuda":
        report["huge"] = _huge(device, report["conditions"]["device"])
    write_json(arguments.out, report)
    print(json.dumps({key: report[key] for key in report if key in ("nano", "huge")}, indent=1))


if __name__ == "__main__":
    main()
