"""Two processes train what one trains."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import torch

from argus3d.errors import UserError
from argus3d.train import processes
from argus3d.train.processes import joined
from argus3d.train.state import trained
from tests.argus3d.trainings import (
    BEST_TOGETHER,
    TOGETHER,
    autoencoder_training,
    double_precision,
    guided_training,
    log,
    transformer_training,
)

RUNS = ("autoencoder-ddp", "transformer-ddp", "transformer-fsdp", "guided-ddp", "guided-fsdp")


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What two processes left."""
    folder = tmp_path_factory.mktemp("together")
    said = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.argus3d.train_together", str(folder)]
    workers = [
        subprocess.Popen(command, env=os.environ | said | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(2)
    ]
    try:
        assert [worker.wait(300) for worker in workers] == [0, 0]
        yield folder
    finally:
        for worker in workers:
            worker.kill()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process leaves."""
    torch.set_num_threads(1)  # as each of the two has
    folder = tmp_path_factory.mktemp("alone")
    with double_precision():
        autoencoder_training(TOGETHER).run(folder / "autoencoder")
        transformer_training(TOGETHER).run(folder / "transformer")
        guided_training(BEST_TOGETHER).run(folder / "guided")
    return folder


def assert_same(one: Path, other: Path) -> None:
    for line, twin in zip(log(one), log(other), strict=True):
        assert line == pytest.approx(twin, abs=1e-6)  # as many places as the log has
    weights, twins = trained(one).weights, trained(other).weights
    assert weights.keys() == twins.keys()
    for name, weight in weights.items():
        assert weight.dtype == torch.float64
        torch.testing.assert_close(weight, twins[name], atol=1e-10, rtol=0, msg=name)
    states = [torch.load(folder / "last.pt", weights_only=True)["state"]["optimizer"] for folder in (one, other)]
    for index, entry in states[0]["state"].items():
        for name, value in entry.items():
            torch.testing.assert_close(value, states[1]["state"][index][name], atol=1e-10, rtol=1e-8)


@pytest.mark.parametrize("run", RUNS)
def test_two_processes_train_what_one_trains(together: Path, alone: Path, run: str) -> None:
    assert_same(together / run, alone / run.split("-")[0])


def test_the_codebook_of_two_processes_is_that_of_one(together: Path, alone: Path) -> None:
    books = [
        torch.load(folder / "last.pt", weights_only=True)["state"]["codebook"]
        for folder in (together / "autoencoder-ddp", alone / "autoencoder")
    ]
    assert books[0]["restarts"] == books[1]["restarts"]
    torch.testing.assert_close(books[0]["count"], books[1]["count"], atol=1e-6, rtol=0)  # kept in float32


def test_one_process_goes_on_where_two_were_interrupted(together: Path, alone: Path) -> None:
    folder = together / "unfinished"
    assert torch.load(folder / "last.pt", weights_only=True)["done"] == 4
    with double_precision():
        transformer_training(TOGETHER).run(folder)
    assert_same(folder, alone / "transformer")


def test_only_the_first_process_leaves_files(together: Path) -> None:
    for run in RUNS:
        best = ["best.pt"] if "guided" in run else []
        assert sorted(path.name for path in (together / run).iterdir()) == [*best, "last.pt", "log.jsonl"]


def test_the_others_find_what_the_first_wrote_before_them(together: Path) -> None:
    assert (together / "seen-first").read_text() == ""
    assert (together / "seen-other").read_text() == "seen-first"


def test_processes_that_do_not_know_how_to_share_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with (
        pytest.raises(UserError, match="2 processes were started; say --parallel ddp or --parallel fsdp"),
        joined("cpu", None),
    ):
        pass


def test_a_process_that_nobody_started_with_others_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(UserError, match="torchrun --nproc-per-node N -m argus3d train"), joined("cpu", "fsdp"):
        pass


def test_one_process_is_the_first_and_shares_with_nobody() -> None:
    with joined("cpu", None) as device, processes.first_before_others():
        assert device == "cpu" and processes.first() and processes.world() == 1
    values = torch.arange(3.0)
    assert processes.averaged(values) is values and processes.gathered(values) is values
    assert processes.said_by_first({"a": 1}) == {"a": 1}
