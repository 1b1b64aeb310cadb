"""A run that was interrupted ends as one that was not."""

import math
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from argus3d.errors import UserError
from argus3d.train.loop import LoopConfig
from argus3d.train.state import trained
from argus3d.train.training import SINGLE, Execution, Training
from tests.argus3d.trainings import (
    LOOP,
    RECIPE,
    Interrupted,
    autoencoder_training,
    interrupt,
    log,
    same_weights,
    transformer_training,
)

SLICED = Execution(accumulate=2)
AVERAGED = replace(LOOP, ema=0.9, keep_best="validation_loss")


def make(stage: str, loop: LoopConfig, execution: Execution) -> Training[Any]:
    if stage == "autoencoder":
        return autoencoder_training(loop, execution)
    return transformer_training(loop, execution, dropout=0.2)


@pytest.mark.parametrize("step", [7, 19])
@pytest.mark.parametrize(
    ("stage", "loop", "execution"),
    [
        ("autoencoder", LOOP, SINGLE),
        ("autoencoder", replace(LOOP, ema=0.9, schedule="constant"), SLICED),
        ("transformer", LOOP, SINGLE),
        ("transformer", AVERAGED, SLICED),
    ],
)
def test_a_resumed_run_ends_with_the_same_bits(
    tmp_path: Path, stage: str, loop: LoopConfig, execution: Execution, step: int
) -> None:
    make(stage, loop, execution).run(tmp_path / "whole")
    first = make(stage, loop, execution)
    interrupt(first, step)
    with pytest.raises(Interrupted):
        first.run(tmp_path / "broken")
    make(stage, loop, execution).run(tmp_path / "broken")
    whole, broken = (torch.load(tmp_path / name / "last.pt", weights_only=True) for name in ("whole", "broken"))
    assert same_weights(whole["state"]["model"], broken["state"]["model"])
    for index, entry in whole["state"]["optimizer"]["state"].items():
        assert same_weights(entry, broken["state"]["optimizer"]["state"][index])
    assert same_weights(trained(tmp_path / "whole").weights, trained(tmp_path / "broken").weights)
    assert whole["running"] == broken["running"] and whole["best"] == broken["best"]
    assert log(tmp_path / "whole") == log(tmp_path / "broken")
    assert [line["step"] for line in log(tmp_path / "broken")] == [12, 24]


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from tests.argus3d.trainings import transformer_training

save, calls = torch.save, []

def dying(content, stream):
    calls.append(stream)
    save(content, stream)
    if len(calls) < 3:
        return
    stream.truncate(stream.tell() // 2)
    os.kill(os.getpid(), signal.SIGKILL)

torch.set_num_threads(1)
torch.save = dying
transformer_training().run(Path(sys.argv[1]))
"""


def test_a_kill_in_the_middle_of_a_save_loses_only_the_steps_since_the_last(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    folder = tmp_path / "killed"
    died = subprocess.run([sys.executable, "-c", KILLED, str(folder)], timeout=60, check=False)
    assert died.returncode == -9
    assert torch.load(folder / "last.pt", weights_only=True)["done"] == 16
    assert list(folder.glob(".*.part*")) != []  # half a file, beside the whole one
    transformer_training().run(folder)
    transformer_training().run(tmp_path / "whole")
    assert same_weights(trained(folder).weights, trained(tmp_path / "whole").weights)
    assert log(folder) == log(tmp_path / "whole") and list(folder.glob(".*.part*")) == []


def test_half_a_line_of_the_log_is_dropped(tmp_path: Path) -> None:
    training = transformer_training()
    interrupt(training, 20)
    with pytest.raises(Interrupted):
        training.run(tmp_path)
    with (tmp_path / "log.jsonl").open("a") as stream:
        stream.write('{"step": 18, "sec')
    transformer_training().run(tmp_path)
    assert [line["step"] for line in log(tmp_path)] == [12, 24]


def test_a_run_killed_before_its_first_save_logs_no_step_twice(tmp_path: Path) -> None:
    loop = replace(LOOP, save_every=24, validate_every=6)
    training = transformer_training(loop)
    interrupt(training, 20)
    with pytest.raises(Interrupted):
        training.run(tmp_path)
    transformer_training(loop).run(tmp_path)
    assert [line["step"] for line in log(tmp_path)] == [6, 12, 18, 24]


def test_a_damaged_state_is_named_and_left_alone(tmp_path: Path) -> None:
    transformer_training().run(tmp_path)
    half = (tmp_path / "last.pt").read_bytes()[:5000]
    for content in (half, b"", b"no state at all"):
        (tmp_path / "last.pt").write_bytes(content)
        with pytest.raises(UserError, match=r"last\.pt is damaged or no state of a training; remove it"):
            transformer_training().run(tmp_path)
        with pytest.raises(UserError, match=r"last\.pt is damaged"):
            trained(tmp_path)
        assert (tmp_path / "last.pt").read_bytes() == content


def test_the_best_of_a_run_that_is_gone_is_not_taken(tmp_path: Path) -> None:
    transformer_training(AVERAGED).run(tmp_path)
    assert (tmp_path / "best.pt").exists()
    (tmp_path / "last.pt").unlink()
    last = transformer_training()
    last.run(tmp_path)
    assert same_weights(trained(tmp_path).weights, last.model.state_dict())


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    transformer_training().run(tmp_path)
    before = (tmp_path / "last.pt").read_bytes()
    again = transformer_training()
    interrupt(again, 0)
    again.run(tmp_path)
    assert (tmp_path / "last.pt").read_bytes() == before


def test_a_state_from_before_these_settings_goes_on(tmp_path: Path) -> None:
    training = autoencoder_training()
    interrupt(training, 20)
    with pytest.raises(Interrupted):
        training.run(tmp_path / "old")
    saved = torch.load(tmp_path / "old/last.pt", weights_only=True)
    for name in ("schedule", "ema", "keep_best", "patience"):
        del saved["config"][name]
    del saved["training"], saved["best"], saved["stale"], saved["state"]["codebook"]["restarts"]
    torch.save(saved, tmp_path / "old/last.pt")
    autoencoder_training().run(tmp_path / "old")
    autoencoder_training().run(tmp_path / "whole")
    assert same_weights(trained(tmp_path / "old").weights, trained(tmp_path / "whole").weights)


def test_a_folder_of_other_settings_is_refused_by_the_name_of_what_differs(tmp_path: Path) -> None:
    autoencoder_training(replace(LOOP, steps=2)).run(tmp_path)
    with pytest.raises(UserError, match=r"last\.pt was trained with other settings: steps was 2 and is 3; name"):
        autoencoder_training(replace(LOOP, steps=3)).run(tmp_path)
    with pytest.raises(UserError, match=r"recipe\.commitment was 0\.25 and is 0\.5, recipe\.augmentation\.scale was"):
        changed = replace(RECIPE, commitment=0.5, augmentation=replace(RECIPE.augmentation, scale=0.1))
        autoencoder_training(replace(LOOP, steps=2), recipe=changed).run(tmp_path)
    with pytest.raises(UserError, match=r"schedule was cosine and is constant, ema was 0\.0 and is 0\.5"):
        autoencoder_training(replace(LOOP, steps=2, schedule="constant", ema=0.5)).run(tmp_path)


def test_a_model_of_other_sizes_is_refused_where_sizes_were_not_saved(tmp_path: Path) -> None:
    transformer_training(replace(LOOP, steps=2)).run(tmp_path)
    saved = torch.load(tmp_path / "last.pt", weights_only=True)
    del saved["training"]
    torch.save(saved, tmp_path / "last.pt")
    with pytest.raises(UserError, match=r"last\.pt holds a model of other sizes"):
        autoencoder_training(replace(LOOP, steps=2)).run(tmp_path)


def test_how_a_run_is_computed_may_change_when_it_goes_on(tmp_path: Path) -> None:
    training = transformer_training()
    interrupt(training, 20)
    with pytest.raises(Interrupted):
        training.run(tmp_path / "changed")
    transformer_training(execution=SLICED).run(tmp_path / "changed")
    transformer_training().run(tmp_path / "whole")
    changed, whole = (trained(tmp_path / name).weights for name in ("changed", "whole"))
    assert all((changed[name] - whole[name]).abs().max() < 1e-5 for name in whole)


def test_a_folder_without_a_training_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"last\.pt is missing; train first"):
        trained(tmp_path)
    transformer_training(replace(LOOP, steps=2)).run(tmp_path)
    (tmp_path / "log.jsonl").write_text("")
    with pytest.raises(UserError, match="has no line of step 2"):
        trained(tmp_path)


def test_settings_that_make_no_sense_are_refused() -> None:
    for wrong, said in (
        ({"schedule": "linear"}, "'linear' is not known; it is cosine or constant"),
        ({"ema": 1.0}, "less than 1"),
        ({"patience": 3}, "--keep-best"),
        ({"learning_rate": -1.0}, "both are more than 0"),
        ({"clip": math.nan}, "both are more than 0"),
    ):
        with pytest.raises(UserError, match=said):
            LoopConfig(**{**asdict(LOOP), **wrong})
    with pytest.raises(UserError, match="accumulate is 0"):
        Execution(accumulate=0)
    with pytest.raises(UserError, match="'dp' is not known; it is ddp or fsdp"):
        Execution(parallel="dp")
