"""What a .pt file asks for: files of PyTorch are let through, those that ask for more than they hold are not."""

import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from argus3d.data.pickles import require_modest
from benchmarks.fuzzing import bombs
from benchmarks.fuzzing.arrays import Runs


def _trained() -> dict[str, Any]:
    layer = torch.nn.Linear(3, 4)
    optimiser = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(2, 3)).sum().backward()
    optimiser.step()
    return {"model": layer.state_dict(), "optimiser": optimiser.state_dict(), "random": torch.get_rng_state(), "it": 3}


SHARED = torch.zeros(7)
PLAIN = {
    "a tensor": torch.zeros(3),
    "one number": torch.tensor(1.0),
    "none": torch.zeros(0, 3),
    "a parameter": torch.nn.Linear(3, 4).weight,
    "a training": _trained(),
    "a part of a tensor": torch.zeros(10, 4)[2:5, ::2],
    "another order": torch.zeros(3, 4).T,
    "tensors of one storage": [SHARED, SHARED[2:], SHARED.view(7, 1)],
    "other numbers": [torch.zeros(3, dtype=kind) for kind in (torch.bfloat16, torch.int8, torch.complex64, torch.bool)],
    "newer numbers": [torch.zeros(3, dtype=kind) for kind in (torch.uint16, torch.float8_e4m3fn)],
    "no tensor": {"a": 2**200, (1, "x"): [None, True, 1.5, ("y",)], "size": torch.Size([3]), "kind": torch.float16},
    "a number of numpy": np.float64(0.5),
    "an ordered dict": OrderedDict(a=torch.zeros(1)),
}


@pytest.mark.parametrize("new", [True, False], ids=["archive", "legacy"])
@pytest.mark.parametrize("value", PLAIN.values(), ids=PLAIN.keys())
def test_what_pytorch_saves_is_let_through(value: Any, new: bool, tmp_path: Path) -> None:
    torch.save(value, tmp_path / "x.pt", _use_new_zipfile_serialization=new)
    require_modest(tmp_path / "x.pt", mapped=new)


@pytest.mark.parametrize("new", [True, False], ids=["archive", "legacy"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (torch.zeros(1).expand(1000), r"repeats its numbers to shape \(1000,\)"),
        (torch.eye(3).to_sparse(), "makes more than tensors"),
        (Runs(), r"GLOBAL posix\.system"),
        (bytearray(5), r"GLOBAL \w+\.bytearray"),
    ],
)
def test_what_else_can_be_saved_is_not(value: Any, reason: str, new: bool, tmp_path: Path) -> None:
    torch.save(value, tmp_path / "x.pt", _use_new_zipfile_serialization=new)
    with pytest.raises((ValueError, pickle.UnpicklingError), match=reason):
        require_modest(tmp_path / "x.pt")


REASONS = {
    "text": "expected 4042322160 bytes", "deep": "key of more than 1000", "doubled": "key of more than 1000",
    "named": "GLOBAL torch._uti", "bytearray": r"GLOBAL builtins\.bytearray", "far": "8,589,934,588 bytes",
    "grown": "repeats its numbers to shape", "sides": "a tensor of shape",
}  # fmt: skip


@pytest.mark.parametrize("name", REASONS)
def test_a_pickle_is_refused_before_it_takes_what_it_asks_for(name: str, tmp_path: Path) -> None:
    for pack in (bombs.torch_archive, bombs.legacy_file):
        (tmp_path / "x.pt").write_bytes(pack(bombs.PICKLES[name]()))
        with pytest.raises((ValueError, pickle.UnpicklingError), match=REASONS[name]):
            require_modest(tmp_path / "x.pt")


def test_members_that_pytorch_would_choose_otherwise_are_refused(tmp_path: Path) -> None:
    torch.save(torch.zeros(3), tmp_path / "x.pt")
    with zipfile.ZipFile(tmp_path / "x.pt", "a") as archive:
        archive.writestr("X/DATA.PKL".replace("X", archive.namelist()[0].partition("/")[0]), b"")
    with pytest.raises(ValueError, match="one name"):
        require_modest(tmp_path / "x.pt")


def test_compressed_numbers_are_not_mapped(tmp_path: Path) -> None:
    torch.save(torch.zeros(3), tmp_path / "x.pt")
    with zipfile.ZipFile(tmp_path / "x.pt") as read, zipfile.ZipFile(tmp_path / "y.pt", "w", 8) as archive:
        for name in read.namelist():
            archive.writestr(name, read.read(name))
    require_modest(tmp_path / "y.pt")
    with pytest.raises(ValueError, match="are compressed"):
        require_modest(tmp_path / "y.pt", mapped=True)


def test_an_archive_behind_a_bare_pickle_hides_nothing(tmp_path: Path) -> None:
    torch.save(torch.zeros(3), tmp_path / "x.pt")
    (tmp_path / "x.pt").write_bytes(bombs.legacy_file(bombs.PICKLES["far"]()) + (tmp_path / "x.pt").read_bytes())
    assert zipfile.is_zipfile(tmp_path / "x.pt")
    with pytest.raises(ValueError, match=r"8,589,934,588 bytes"):
        require_modest(tmp_path / "x.pt")
