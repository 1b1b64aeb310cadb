"""One of several processes that train together: `python -m tests.argus3d.train_together FOLDER`, started by torchrun.

Every way to train is run in a folder of its own, in one group of processes, for starting them takes longest.
"""

import sys
from pathlib import Path

import torch

from argus3d.train.processes import first, first_before_others, joined
from argus3d.train.training import Execution
from tests.argus3d.trainings import (
    BEST_TOGETHER,
    TOGETHER,
    Interrupted,
    autoencoder_training,
    double_precision,
    guided_training,
    interrupt,
    transformer_training,
)


def main(folder: Path) -> None:
    """Train stage 1 by DDP, stage 2 by DDP and FSDP2, guided and not, and once more by FSDP2 up to step 7."""
    torch.set_num_threads(1)
    with joined("cpu", "ddp"), double_precision():
        with first_before_others():
            seen = sorted(path.name for path in folder.iterdir())
            (folder / f"seen-{'first' if first() else 'other'}").write_text(" ".join(seen))
        autoencoder_training(TOGETHER, Execution(parallel="ddp", accumulate=2)).run(folder / "autoencoder-ddp")
        for parallel in ("ddp", "fsdp"):
            execution = Execution(parallel=parallel, recompute=parallel == "fsdp")
            transformer_training(TOGETHER, execution).run(folder / f"transformer-{parallel}")
            guided_training(BEST_TOGETHER, execution=execution).run(folder / f"guided-{parallel}")
        unfinished = transformer_training(TOGETHER, Execution(parallel="fsdp"))
        interrupt(unfinished, 7)
        try:
            unfinished.run(folder / "unfinished")
        except Interrupted:
            print("interrupted", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
