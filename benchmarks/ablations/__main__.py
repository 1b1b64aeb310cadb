"""Small models that differ in one thing, trained alike and measured: `make ablations`, or

    python -m benchmarks.ablations quirks representation size data --root artifacts/data

Each run has a folder of its own under --out and goes on where it was interrupted; studies share runs that are the same.
The rows of a study become results in reports/results/ablations/<study>, a folder that `argus3d-eval table` lays out as
a sweep. Training took 170 minutes of one core, beside other work (OMP_NUM_THREADS=1), without the half of the data,
which is not among the committed results. Representation, size and data use the first run of quirks.
"""

import argparse
import sys
from pathlib import Path

from argus3d.errors import UserError
from argus3d.generator import SamplingConfig
from argus3d.train.loop import LoopConfig
from benchmarks.ablations.results import measure_study
from benchmarks.ablations.runs import Budget, Workshop
from benchmarks.ablations.shapes import Shapes, read_sources
from benchmarks.ablations.studies import default_studies
from eval.protocol import get_protocol

BUDGET = Budget(
    LoopConfig(
        steps=1200, batch=4, learning_rate=6e-4, warmup=100, validate_every=500, save_every=250, bfloat16=True
    ),
    LoopConfig(
        steps=1500, batch=8, learning_rate=1e-3, warmup=100, validate_every=250, save_every=250,
        keep_best="validation_loss",
    ),
    SamplingConfig(top_p=0.95, resolution=64),
)  # fmt: skip
TRAIN, VAL = 1200, 160  # shapes of a source at most


def main() -> int:
    """Measure the studies that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = default_studies()
    parser.add_argument("studies", nargs="+", choices=tuple(known), help="what to compare")
    parser.add_argument("--root", type=Path, default=Path("artifacts/data"), help="folder of prepared data")
    parser.add_argument("--out", type=Path, default=Path("artifacts/ablations"), help="folder of the runs")
    parser.add_argument("--results", type=Path, default=Path("reports/results/ablations"), help="folder of the results")
    arguments = parser.parse_args()
    try:
        shapes = Shapes(read_sources(arguments.root, TRAIN, VAL))
        workshop = Workshop(shapes, BUDGET, get_protocol("argus3d-v1"), arguments.out)
        for name in arguments.studies:
            for path in measure_study(known[name], workshop, arguments.results / name):
                print(path)
    except UserError as error:
        print(f"ablations: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
