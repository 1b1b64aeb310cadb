"""What both `argus3d train` commands are told in the same words."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path

from argus3d import memory
from argus3d.arguments import natural, positive
from argus3d.data.prepared import PreparedData, PreparedShape
from argus3d.data.splits import read_part
from argus3d.errors import UserError
from argus3d.train.data import Augmentation
from argus3d.train.loop import SCHEDULES, LoopConfig
from argus3d.train.processes import first, joined
from argus3d.train.training import PARALLEL, Execution

MOST_AUGMENTED = {"scale": 2.0, "scaled_share": 1.0, "yaw": 180.0}  # a shape seven times as long is none any more


def add_options(parser: argparse.ArgumentParser, steps: int, batch: int, rate: float) -> None:
    """Add the options of data, of the loop and of how it is computed, with the defaults of a stage."""
    parser.add_argument("--preset", default="nano", help="sizes of the model (default: nano)")
    parser.add_argument("--root", type=Path, default=Path("artifacts/data"), help="folder of prepared data")
    parser.add_argument(
        "--split", type=Path, action="append", required=True, metavar="FILE",
        help="a split file, whose parts train and val are used; may be given several times",
    )  # fmt: skip
    parser.add_argument("--source", action="append", required=True, help="a prepared source that the splits draw from")
    parser.add_argument("--out", type=Path, required=True, help="folder for the state, the log and the resume")
    loop = parser.add_argument_group("training")
    loop.add_argument("--steps", type=positive, default=steps, help="(default: %(default)s)")
    loop.add_argument("--batch-size", type=positive, default=batch, help="rows of a step (default: %(default)s)")
    loop.add_argument("--learning-rate", type=float, default=rate, help="its peak (default: %(default)s)")
    loop.add_argument("--schedule", choices=SCHEDULES, default="cosine", help="after the warm-up (default: cosine)")
    loop.add_argument("--warmup", type=natural, default=200, metavar="STEPS", help="(default: %(default)s)")
    loop.add_argument("--clip", type=float, default=1.0, metavar="NORM", help="of all gradients (default: 1.0)")
    loop.add_argument("--ema", type=float, default=0.0, metavar="DECAY", help="keep a moving average of the weights")
    loop.add_argument(
        "--precision", choices=("bfloat16", "float32"), default="bfloat16",
        help="of matrix products and convolutions; weights stay in float32 (default: bfloat16)",
    )  # fmt: skip
    loop.add_argument("--validate-every", type=positive, default=500, metavar="STEPS", help="(default: %(default)s)")
    loop.add_argument("--save-every", type=positive, default=500, metavar="STEPS", help="(default: %(default)s)")
    loop.add_argument(
        "--keep-best", metavar="METRIC",
        help="make the checkpoint of the weights that were best in this metric of the log; of the last if not given",
    )  # fmt: skip
    loop.add_argument(
        "--patience", type=int, default=0, metavar="N", help="end after N validations without a better --keep-best"
    )
    loop.add_argument("--seed", type=natural, default=0)
    how = parser.add_argument_group("machine", "may change when a run goes on")
    how.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    how.add_argument("--parallel", choices=PARALLEL, help="how processes that torchrun starts share the work")
    how.add_argument(
        "--accumulate", type=positive, default=1, metavar="N", help="compute a step in N slices (default: 1)"
    )
    how.add_argument("--recompute", action="store_true", help="stage 2 in less memory, by a third more computing")


def loop_config(arguments: argparse.Namespace) -> LoopConfig:
    """The settings of the loop, as they were given."""
    return LoopConfig(
        steps=arguments.steps,
        batch=arguments.batch_size,
        learning_rate=arguments.learning_rate,
        warmup=arguments.warmup,
        clip=arguments.clip,
        seed=arguments.seed,
        bfloat16=arguments.precision == "bfloat16",
        validate_every=arguments.validate_every,
        save_every=arguments.save_every,
        schedule=arguments.schedule,
        ema=arguments.ema,
        keep_best=arguments.keep_best,
        patience=arguments.patience,
    )


@contextmanager
def start(arguments: argparse.Namespace) -> Iterator[Execution]:
    """Join the other processes, if there are any, until the end of the block."""
    memory.find_device(arguments.device)
    with joined(arguments.device, arguments.parallel) as device:
        yield Execution(device, arguments.parallel, arguments.accumulate, arguments.recompute)


def augmentation(given: str | None, usual: Augmentation) -> Augmentation:
    """`usual` with the settings that a JSON object names. Raises: UserError for anything else."""
    if given is None:
        return usual
    known = {field.name for field in fields(Augmentation)}
    try:
        values = dict(json.loads(given))
    except (TypeError, ValueError) as error:
        raise UserError(f'--augmentation {given!r} is no JSON object such as {{"scale": 0.2}} ({error}).') from error
    if unknown := sorted(values.keys() - known):
        raise UserError(f"--augmentation has no {', '.join(unknown)}; it has {', '.join(sorted(known))}.")
    for name, value in values.items():
        _require_setting(name, value)
    return Augmentation(**{**asdict(usual), **values})


def _require_setting(name: str, value: object) -> None:
    if name.startswith("mirror"):
        if not isinstance(value, bool):
            raise UserError(f"--augmentation: {name} is {value!r}; say true or false.")
        return
    most = MOST_AUGMENTED[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise UserError(f"--augmentation: {name} is {value!r}; say a number in 0 .. {most:g}.")


def shapes(data: PreparedData, split: Path, part: str) -> list[PreparedShape]:
    """The shapes of a split's part that could be prepared; the others are counted on stderr.

    Raises: UserError where there are none.
    """
    ids = read_part(split, part)
    found = [item_id for item_id in ids if item_id in data.shapes]
    if not found:
        raise UserError(
            f"none of the {len(ids)} shapes of {split.stem}/{part} is prepared; name their source with --source, or "
            "prepare it with `argus3d data prepare`."
        )
    if len(found) < len(ids) and first():
        print(f"{split.stem}/{part}: {len(ids) - len(found)} of {len(ids)} shapes are not prepared", file=sys.stderr)
    return data.select(found)
