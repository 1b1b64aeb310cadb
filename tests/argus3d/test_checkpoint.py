import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from argus3d import checkpoint
from argus3d.data.files import sha256_file
from argus3d.errors import UserError
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.transformer import ShapeTransformer
from tests.argus3d.sizes import AUTOENCODER, CLASSES, CONFIG, TRANSFORMER


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    argus = checkpoint.Argus(
        CONFIG, ShapeAutoencoder(AUTOENCODER), ShapeTransformer(TRANSFORMER), CLASSES, 0.45, {"seed": 3}
    )
    checkpoint.save(argus, tmp_path / "tiny")
    return tmp_path / "tiny"


def rewrite(folder: Path, change) -> None:  # type: ignore[no-untyped-def]
    """Change the transformer's tensors and make the JSON agree, so that only the tensors can be at fault."""
    path = folder / "transformer.safetensors"
    state = load_file(path)
    change(state)
    save_file(state, path)
    about = json.loads((folder / "argus.json").read_text())
    about["files"]["transformer.safetensors"] = {"sha256": sha256_file(path), "bytes": path.stat().st_size}
    (folder / "argus.json").write_text(json.dumps(about))


def test_what_was_saved_comes_back(folder: Path) -> None:
    argus = checkpoint.load(folder)
    torch.manual_seed(0)
    expected = ShapeAutoencoder(AUTOENCODER).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in argus.autoencoder.state_dict().items())
    assert (argus.config, argus.categories, argus.threshold, argus.training) == (CONFIG, CLASSES, 0.45, {"seed": 3})
    assert not argus.transformer.training


def test_saving_again_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    checkpoint.save(checkpoint.load(folder), tmp_path / "again")
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_a_missing_tensor_is_refused_by_name(folder: Path) -> None:
    rewrite(folder, lambda state: state.pop("bias_value"))
    with pytest.raises(UserError, match=r"1 tensors are missing \(the first: bias_value\)"):
        checkpoint.load(folder)


def test_an_extra_tensor_is_refused_by_name(folder: Path) -> None:
    rewrite(folder, lambda state: state.update(extra=torch.zeros(1)))
    with pytest.raises(UserError, match=r"1 unknown \(the first: extra\)"):
        checkpoint.load(folder)


def test_a_tensor_of_another_shape_is_refused_by_name(folder: Path) -> None:
    rewrite(folder, lambda state: state.update(bias_value=torch.zeros(5)))
    with pytest.raises(UserError, match=r"bias_value is \(5,\), the sizes ask for \(16,\)"):
        checkpoint.load(folder)


def test_a_damaged_file_is_refused(folder: Path) -> None:
    path = folder / "autoencoder.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"autoencoder\.safetensors is not the file"):
        checkpoint.load(folder)


def test_missing_files_are_named(folder: Path, tmp_path: Path) -> None:
    (folder / "transformer.safetensors").unlink()
    with pytest.raises(UserError, match=r"transformer\.safetensors is missing"):
        checkpoint.load(folder)
    with pytest.raises(UserError, match=r"no checkpoint 'nan'.*nano"):
        checkpoint.find("nan")
    with pytest.raises(UserError, match=r"argus\.json is missing"):
        checkpoint.load(tmp_path)
