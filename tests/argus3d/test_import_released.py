import argparse
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from argus3d import checkpoint
from argus3d.checkpoint import commands, importing, shards, torch_file
from argus3d.errors import UserError
from tests.argus3d.released_files import EMBEDDING, TIED, stage_1, stage_2, transformer_only, write


def run(*words: str) -> None:
    parser = argparse.ArgumentParser()
    commands.add_parsers(parser.add_subparsers(required=True))
    arguments = parser.parse_args(words)
    arguments.run(arguments)


def remake(path: Path, change: Callable[[dict], object]) -> None:
    """Load a file of `write`, change its content and save it again."""
    content = torch.load(path, weights_only=False)
    change(content)
    torch.save(content, path)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    return write(tmp_path, stage_2(), it=3584000, epoch_it=12, loss_val_best=np.float64(0.25))


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    """The folder that is imported into; nothing but it and the sources may lie there at the end."""
    yield tmp_path / "out"
    assert not list(tmp_path.glob(".*"))


def test_both_files_become_a_checkpoint(files: list[str], out: Path, capsys: pytest.CaptureFixture) -> None:
    run("import-released", *files)
    argus, state = checkpoint.load(out), stage_2()
    assert torch.equal(argus.transformer.emb.weight, state[EMBEDDING])
    assert torch.equal(argus.autoencoder.decoder.out.bias, state["vqvae_model.decoder.fc_out.bias"])
    assert (argus.threshold, argus.resolution, argus.categories[2]) == (0.2, 128, "class-02")
    said = capsys.readouterr()
    assert "holds the same stage 1" in said.err
    training = json.loads(said.out)["training"]
    assert (training["it"], training["epoch_it"], training["loss_val_best"]) == (3584000, 12, 0.25)
    assert training["released"]["stage1_in_stage2"] == "equal"
    assert str(out.parent) not in (out / "argus.json").read_text()  # it says nothing about the machine


def test_stage_1_may_come_from_within_stage_2(
    files: list[str], out: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run("import-released", *files)
    inside = tmp_path / "inside"
    run("import-released", *files[2:-1], str(inside))
    assert "stage 1 comes from the stage-2 file" in capsys.readouterr().err
    for name in ("autoencoder.safetensors", "transformer.safetensors"):
        assert (inside / name).read_bytes() == (out / name).read_bytes()
    remake(tmp_path / "stage2.pt", lambda content: content.update(model=transformer_only(content["model"])))
    with pytest.raises(UserError, match=r"stage2\.pt holds no stage 1"):
        run("import-released", *files[2:-1], str(tmp_path / "none"))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_dtype_is_the_transformers(files: list[str], out: Path, dtype: str) -> None:
    run("import-released", *files, "--dtype", dtype)
    argus = checkpoint.load(out)
    assert argus.transformer.emb.weight.dtype == getattr(torch, dtype)
    assert torch.equal(argus.transformer.emb.weight, stage_2()[EMBEDDING].to(getattr(torch, dtype)))
    assert argus.autoencoder.decoder.out.bias.dtype == torch.float32
    assert checkpoint.load(out, dtype=torch.float32).transformer.emb.weight.dtype == torch.float32


def test_stage_1_comes_from_its_own_file(
    files: list[str], out: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    torch.save({"model": stage_1(stage_2(seed=1))}, tmp_path / "stage1.pt")
    run("import-released", *files)
    bias = checkpoint.load(out).autoencoder.decoder.out.bias
    assert torch.equal(bias, stage_2(seed=1)["vqvae_model.decoder.fc_out.bias"])
    said = capsys.readouterr()
    assert "another stage 1, which was not used" in said.err
    assert json.loads(said.out)["training"]["released"]["stage1_in_stage2"] == "different"


def test_a_bare_state_dict_of_the_transformer_alone_will_do(files: list[str], out: Path, tmp_path: Path) -> None:
    torch.save(transformer_only(stage_2()), tmp_path / "stage2.pt")
    torch.save(stage_1(stage_2()), tmp_path / "stage1.pt")
    run("import-released", *files)
    assert json.loads((out / "argus.json").read_text())["training"]["released"]["stage1_in_stage2"] == "absent"


def test_stage_1_of_another_dtype_is_compared_by_its_numbers(files: list[str], out: Path, tmp_path: Path) -> None:
    rounded = {name: tensor.half() for name, tensor in stage_2().items()}
    torch.save({"model": stage_1(rounded)}, tmp_path / "stage1.pt")
    torch.save({"model": {name: tensor.float() for name, tensor in rounded.items()}}, tmp_path / "stage2.pt")
    run("import-released", *files)
    assert json.loads((out / "argus.json").read_text())["training"]["released"]["stage1_in_stage2"] == "equal"
    assert checkpoint.load(out).autoencoder.decoder.out.bias.dtype == torch.float32


def test_what_a_killed_import_left_is_named(files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / ".out.77.part").mkdir()
    run("import-released", *files)
    assert ".out.77.part belongs to an import that was killed or still runs" in capsys.readouterr().err


def test_files_of_old_pytorch_are_read_too(files: list[str], out: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "stage1.pt", tmp_path / "stage2.pt"):
        torch.save(torch.load(path, weights_only=False), path, _use_new_zipfile_serialization=False)
    run("import-released", *files)
    assert torch.equal(checkpoint.load(out).transformer.emb.weight, stage_2()[EMBEDDING])


def test_shards_hold_the_same_tensors(files: list[str], out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("import-released", *files)
    whole = load_file(out / "transformer.safetensors")
    monkeypatch.setattr(shards, "SHARD_BYTES", 5000)
    run("import-released", *files[:-1], str(out.parent / "cut"))
    parts = [load_file(path) for path in sorted((out.parent / "cut").glob("transformer-*-of-*.safetensors"))]
    assert len(parts) > 3
    joined = {name: tensor for part in parts for name, tensor in part.items()}
    assert joined.keys() == whole.keys() and sum(map(len, parts)) == len(whole)
    assert all(torch.equal(tensor, whole[name]) for name, tensor in joined.items())
    for part in parts:
        assert len(part) == 1 or sum(tensor.nbytes for tensor in part.values()) <= 5000
    assert torch.equal(checkpoint.load(out.parent / "cut").transformer.emb.weight, stage_2()[EMBEDDING])


def test_pages_that_are_let_go_come_back_from_the_file(tmp_path: Path) -> None:
    large = torch.arange(1 << 20, dtype=torch.float32)
    torch.save({"model": {"large": large}}, tmp_path / "large.pt")
    file = torch_file.read_torch_file(tmp_path / "large.pt")
    assert file.mapped and torch.equal(file.state["large"], large)
    file.release(file.state["large"])
    assert torch.equal(file.state["large"], large)


def test_a_finished_checkpoint_and_a_full_folder_are_left_alone(files: list[str], out: Path) -> None:
    run("import-released", *files)
    before = (out / "argus.json").read_bytes()
    with pytest.raises(UserError, match="already holds a checkpoint and stays as it is"):
        run("import-released", *files, "--dtype", "bfloat16")
    assert (out / "argus.json").read_bytes() == before
    other = out.parent / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="already exists and is not empty"):
        run("import-released", *files[:-1], str(other))


class RunsCode:
    def __reduce__(self) -> tuple:
        return print, ("this should not be seen",)


BAD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: path.unlink(), "is missing"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-200]), r"is cut off after \d+ bytes"),
    "cut off within": (lambda path: path.write_bytes(path.read_bytes()[:500]), "is cut off after 500 bytes"),
    "web page": (lambda path: path.write_text("\n<!DOCTYPE html><html>Sign in</html>"), "is a web page"),
    "pointer": (
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        r"is a git-lfs pointer.*git lfs pull",
    ),
    "noise": (lambda path: path.write_bytes(b"nothing of the kind"), "is no PyTorch file"),
    "broken pickle": (lambda path: path.write_bytes(b"\x80\x02" + bytes(range(90))), "is damaged"),
    "other zip": (lambda path: zip_of(path, "readme.txt"), "is a zip archive but no PyTorch file"),
    "code": (lambda path: torch.save({"model": RunsCode()}, path), r"would run code when loaded \(it names .*print\)"),
    "old code": (
        lambda path: torch.save(RunsCode(), path, _use_new_zipfile_serialization=False),
        r"would run code when loaded \(it names .*print\)",
    ),
    "no model": (lambda path: torch.save({"optimizer": {}, "it": 3}, path), r"under the key model \(it holds it, opt"),
    "empty model": (lambda path: torch.save({"model": {}}, path), "no state dict under the key model"),
    "numbered": (lambda path: torch.save({0: torch.zeros(1)}, path), "no state dict under the key model"),
    "a tensor": (lambda path: torch.save(torch.zeros(3), path), "holds a Tensor instead of a dict"),
}


def zip_of(path: Path, name: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "hello")


@pytest.mark.parametrize("stage", ["stage1.pt", "stage2.pt"])
@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_told_in_one_sentence(
    files: list[str], out: Path, tmp_path: Path, capsys: pytest.CaptureFixture, kind: str, stage: str
) -> None:
    spoil, message = BAD_FILES[kind]
    spoil(tmp_path / stage)
    with pytest.raises(UserError, match=message) as caught:
        run("import-released", *files)
    assert str(tmp_path / stage) in str(caught.value) and "\n" not in str(caught.value)
    assert "this should not be seen" not in capsys.readouterr().out
    assert not out.exists()


def test_stages_that_are_mixed_up_are_told_so(files: list[str], out: Path) -> None:
    stage1, stage2 = files[1], files[3]
    rest = files[4:]
    with pytest.raises(UserError, match=r"stage2\.pt is a stage-2 file; give it as --stage2"):
        run("import-released", "--stage1", stage2, "--stage2", stage2, *rest)
    with pytest.raises(UserError, match=r"stage1\.pt is no stage-2 file .* give it as --stage1"):
        run("import-released", "--stage1", stage1, "--stage2", stage1, *rest)


def test_other_sizes_name_the_file(files: list[str], out: Path) -> None:
    with pytest.raises(UserError, match=r"stage2\.pt is of other sizes: .*codebook_size 16 instead of 8192"):
        run("import-released", *files, "--config", "huge")


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        (float("nan"), "float32", r"stage2\.pt: bias_value holds values that are not finite"),
        (1e5, "float16", r"stage2\.pt: bias_value holds values past the range of torch\.float16; take --dtype"),
    ],
)
def test_values_that_cannot_be_kept_are_refused(
    files: list[str], out: Path, tmp_path: Path, value: float, dtype: str, message: str
) -> None:
    remake(tmp_path / "stage2.pt", lambda content: content["model"]["transformer_model.bias_value"].fill_(value))
    with pytest.raises(UserError, match=message):
        run("import-released", *files, "--dtype", dtype)
    assert not out.exists()


def test_an_output_layer_of_its_own_is_refused(files: list[str], out: Path, tmp_path: Path) -> None:
    remake(tmp_path / "stage2.pt", lambda content: content["model"].update({TIED: torch.zeros(16, 16)}))
    with pytest.raises(UserError, match=r"stage2\.pt: z_value_dec\.weight is not emb\.weight"):
        run("import-released", *files)


def test_too_small_a_disk_is_told_before_anything_is_written(
    files: list[str], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing.shutil, "disk_usage", lambda path: argparse.Namespace(free=1000))
    with pytest.raises(UserError, match=r"needs \d+ bytes and .* has 1000 free; free \d+ more"):
        run("import-released", *files)
    assert not out.exists()


@pytest.mark.parametrize("at", ["autoencoder", "transformer"])
def test_a_disk_that_fills_up_leaves_nothing(
    files: list[str], out: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def full(state: dict[str, torch.Tensor], path: Path) -> None:
        if at in path.name:
            path.write_bytes(b"half of it")
            raise shards.SafetensorError("I/O error: No space left on device (os error 28)")
        write_whole(state, path)

    write_whole = shards.save_file
    monkeypatch.setattr(shards, "save_file", full)
    with pytest.raises(UserError, match=r"could not be written .*No space left.* nothing of it was kept; it needs \d+"):
        run("import-released", *files)
    assert not out.exists()


@pytest.mark.parametrize(
    ("content", "message"), [(None, "is missing"), ("{", "is not JSON"), ("{}", "has the keys autoencoder and")]
)
def test_a_bad_file_of_sizes_is_told(
    files: list[str], out: Path, tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "sizes.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=message):
        run("import-released", *files)


def test_numbers_that_json_cannot_hold_are_dropped(files: list[str], out: Path, tmp_path: Path) -> None:
    scalars = {"it": torch.tensor(7), "loss_val_best": float("inf"), "epoch_it": "twelve"}
    remake(tmp_path / "stage2.pt", lambda content: content.update(scalars))
    run("import-released", *files)
    training = json.loads((out / "argus.json").read_text())["training"]
    assert (training["it"], training["loss_val_best"], training["epoch_it"]) == (7, None, None)


def test_import_warns_of_untrained_weights(files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    def reset(content: dict) -> None:
        for name, tensor in content["model"].items():
            if re.search(r"\.(ln1|ln2)\.weight", name):
                tensor.fill_(1)
            elif name.endswith(("bias", "bias_value")) and name.startswith("transformer_model."):
                tensor.zero_()

    remake(tmp_path / "stage2.pt", reset)
    run("import-released", *files)
    assert "warning: the transformer looks untrained" in capsys.readouterr().err
