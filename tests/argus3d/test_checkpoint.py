import argparse
import json
from math import prod
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from argus3d import checkpoint
from argus3d.checkpoint import commands, shards
from argus3d.checkpoint.argus import empty_stages
from argus3d.checkpoint.untrained import initial_constants
from argus3d.config import ArgusConfig
from argus3d.data.files import sha256_file
from argus3d.errors import UserError
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.transformer import ShapeTransformer
from tests.argus3d.sizes import AUTOENCODER, CLASSES, CONFIG, TRANSFORMER


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    argus = checkpoint.Argus(
        CONFIG, ShapeAutoencoder(AUTOENCODER), ShapeTransformer(TRANSFORMER), CLASSES, 0.45, {"seed": 3}, 96
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
    assert argus.resolution == 96
    assert not argus.transformer.training


def test_saving_again_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    checkpoint.save(checkpoint.load(folder), tmp_path / "again")
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_who_may_read_the_json_may_read_the_weights(folder: Path) -> None:
    assert len({path.stat().st_mode for path in folder.iterdir()}) == 1


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


def test_other_bytes_of_the_same_length_are_refused(folder: Path) -> None:
    path = folder / "transformer.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"transformer\.safetensors is not the file .*other sha256"):
        checkpoint.load(folder)
    with pytest.raises(UserError, match="other sha256"):
        info(str(folder), "--verify")
    info(str(folder))  # compares the sizes only


def test_the_transformer_keeps_its_dtype_and_the_autoencoder_is_float32(folder: Path, tmp_path: Path) -> None:
    argus = checkpoint.load(folder, dtype=torch.bfloat16)
    assert argus.transformer.emb.weight.dtype == torch.bfloat16
    assert argus.autoencoder.quantizer.codebook.weight.dtype == torch.float32
    checkpoint.save(argus, tmp_path / "half")
    assert checkpoint.load(tmp_path / "half").transformer.emb.weight.dtype == torch.bfloat16
    wide = checkpoint.load(tmp_path / "half", dtype=torch.float32).transformer.emb.weight
    assert torch.equal(wide, argus.transformer.emb.weight.float())


def test_an_autoencoder_of_half_the_size_computes_in_float32(folder: Path, tmp_path: Path) -> None:
    argus = checkpoint.load(folder)
    checkpoint.save(argus, tmp_path / "half", autoencoder=torch.float16)
    sizes = [(one / "autoencoder.safetensors").stat().st_size for one in (tmp_path / "half", folder)]
    assert sizes[0] < 0.7 * sizes[1]
    found = checkpoint.load(tmp_path / "half").autoencoder.state_dict()
    for name, value in argus.autoencoder.state_dict().items():
        assert found[name].dtype == torch.float32
        assert torch.equal(found[name], value.half().float())


def test_shards_come_and_go_with_the_size(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    argus = checkpoint.load(folder)
    monkeypatch.setattr(shards, "SHARD_BYTES", 4000)
    checkpoint.save(argus, folder)
    names = sorted(path.name for path in folder.glob("transformer*"))
    assert names[0] == f"transformer-00001-of-{len(names):05d}.safetensors" and len(names) > 2
    again = checkpoint.load(folder)
    state = argus.transformer.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in again.transformer.state_dict().items())
    (folder / names[1]).unlink()
    with pytest.raises(UserError, match=rf"{names[1]} is missing"):
        checkpoint.load(folder)
    monkeypatch.undo()
    (folder / "other.safetensors").write_bytes(b"somebody else's")
    checkpoint.save(argus, folder)
    assert [path.name for path in folder.glob("transformer*")] == ["transformer.safetensors"]
    assert (folder / "other.safetensors").exists()


def test_a_dtype_that_no_checkpoint_has_is_refused(folder: Path) -> None:
    before = (folder / "argus.json").read_bytes()
    with pytest.raises(UserError, match=r"torch\.float64 is not stored; convert it to one of float32"):
        checkpoint.save(checkpoint.load(folder, dtype=torch.float64), folder)
    assert (folder / "argus.json").read_bytes() == before


@given(
    st.dictionaries(st.text("abc", min_size=1), st.lists(st.integers(0, 9), max_size=3).map(tuple)),
    st.integers(1, 3000),
)
def test_a_plan_keeps_order_splits_no_tensor_and_overfills_no_shard(
    shapes: dict[str, tuple[int, ...]], limit: int
) -> None:
    parts = shards.plan(shapes, torch.float32, limit)
    assert [name for part in parts for name in part] == list(shapes)
    for part in parts:
        assert len(part) <= 1 or sum(4 * prod(shapes[name]) for name in part) <= limit


def change_about(folder: Path, **changes: object) -> None:
    about = json.loads((folder / "argus.json").read_text())
    (folder / "argus.json").write_text(json.dumps(about | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 1}, r"should have schema 2 .* it has schema 1"),
        ({"extra": 0}, "it has schema 2 and .*extra"),
        ({"dtype": "int8"}, "dtype 'int8' is none of float32, bfloat16, float16"),
        ({"dtype": "float16"}, r"transformer\.safetensors: .* is float32, not float16"),
        ({"files": {"../autoencoder.safetensors": {"sha256": "", "bytes": 1}}}, "that no checkpoint has"),
        ({"files": {}}, r"autoencoder\.safetensors: \d+ tensors are missing"),
    ],
)
def test_an_argus_json_that_says_something_else_is_refused(folder: Path, changes: dict, message: str) -> None:
    change_about(folder, **changes)
    with pytest.raises(UserError, match=message):
        checkpoint.load(folder)
    with pytest.raises(UserError):
        info(str(folder))


def test_half_a_model_is_not_saved(folder: Path, tmp_path: Path) -> None:
    argus = checkpoint.load(folder)
    half = checkpoint.Argus(CONFIG, argus.autoencoder, None, CLASSES, 0.45)
    with pytest.raises(UserError, match="holds stage 1 only"):
        checkpoint.save(half, tmp_path / "half")
    assert not (tmp_path / "half").exists()


def test_weights_as_the_constructors_made_them_are_suspicious(folder: Path) -> None:
    argus = checkpoint.load(folder)
    first, second = checkpoint.warnings(argus)
    assert "autoencoder looks untrained" in first and "transformer looks untrained" in second
    with torch.no_grad():
        argus.transformer.blocks[1].ln2.bias[3] = 1e-3
        argus.autoencoder.decoder.blocks[0].fc_1.weight[0, 0] = float("nan")
    (only,) = checkpoint.warnings(argus)
    assert "autoencoder holds values that are not finite in 1 tensors, the first: decoder.blocks.0.fc_1.weight" in only


def test_what_is_called_constant_is_what_the_constructors_set() -> None:
    for stage in (ShapeAutoencoder(AUTOENCODER), ShapeTransformer(TRANSFORMER)):
        flat = {name for name, tensor in stage.named_parameters() if tensor.numel() > 1 and tensor.std() == 0}
        assert set(initial_constants(stage)) == flat
    huge = ArgusConfig.preset("huge")
    for stage in empty_stages(huge):
        sizes = {name: tensor.numel() for name, tensor in stage.named_parameters()}
        assert max(sizes[name] for name in initial_constants(stage)) <= 4 * huge.transformer.width


def info(*words: str) -> None:
    parser = argparse.ArgumentParser()
    commands.add_parsers(parser.add_subparsers(required=True))
    arguments = parser.parse_args(["info", *words])
    arguments.run(arguments)


def test_info_tells_counts_hashes_and_warnings(folder: Path, capsys: pytest.CaptureFixture) -> None:
    info(str(folder), "--verify")
    said = capsys.readouterr()
    about, argus = json.loads(said.out), checkpoint.load(folder)
    assert about["parameters"]["transformer"] == sum(weight.numel() for weight in argus.transformer.parameters())
    assert about["tensors"]["autoencoder"] == len(argus.autoencoder.state_dict())
    assert about["dtypes"]["transformer"] == {"float32": about["tensors"]["transformer"]}
    assert about["bytes"]["transformer"] == 4 * about["parameters"]["transformer"]
    path = folder / "transformer.safetensors"
    assert about["files"][path.name] == {"sha256": sha256_file(path), "bytes": path.stat().st_size}
    assert (about["config"], about["resolution"], about["hashed"]) == (json.loads(CONFIG.to_json()), 96, True)
    assert about["warnings"] == checkpoint.warnings(argus)
    assert said.err.count("warning: ") == 2


def test_nano_is_beyond_suspicion(capsys: pytest.CaptureFixture) -> None:
    info("nano", "--verify")
    said = capsys.readouterr()
    assert json.loads(said.out)["warnings"] == [] and not said.err


def test_missing_files_are_named(folder: Path, tmp_path: Path) -> None:
    (folder / "transformer.safetensors").unlink()
    with pytest.raises(UserError, match=r"transformer\.safetensors is missing"):
        checkpoint.load(folder)
    with pytest.raises(UserError, match=r"no checkpoint 'nan'.*nano"):
        checkpoint.find("nan")
    with pytest.raises(UserError, match=r"argus\.json is missing"):
        checkpoint.load(tmp_path)
