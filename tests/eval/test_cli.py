"""The command line: JSON on stdout, one sentence on stderr, exit codes."""

import importlib.metadata
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import trimesh

from eval.cli import main


@pytest.fixture
def arrays(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", rng.random((18, 256, 3)) * rng.random((18, 1, 3)))
    return tmp_path


def test_score_writes_what_it_prints(arrays: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = arrays / "results" / "nano.json"
    words = ["score", str(arrays / "a.npy"), str(arrays / "b.npy"), "--protocol", "smoke", "--out", str(out)]
    assert main(words) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == json.loads(out.read_text())
    assert "18 of 18 shapes" in printed.err and out.with_suffix(".run.json").is_file()
    before = out.read_bytes()
    assert main([*words, "--cache", str(arrays / "cache")]) == 0 and out.read_bytes() == before
    assert main([*words, "--count", "5"]) == 0
    assert json.loads(out.read_text())["counts"]["generated"]["found"] == 5


def test_a_device_that_is_not_there_is_refused(arrays: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = arrays / "nano.json"
    words = ["score", str(arrays / "a.npy"), str(arrays / "b.npy"), "--protocol", "smoke", "--out", str(out)]
    assert main([*words, "--backend", "triton"]) == 1 and "triton needs a GPU" in capsys.readouterr().err
    assert main([*words, "--device", "abacus"]) == 1 and "is no device" in capsys.readouterr().err
    assert not out.exists()
    assert main([*words, "--backend", "numba"]) == 0
    record = json.loads(out.with_suffix(".run.json").read_text())
    assert record["chamfer"]["device"] == "cpu" and record["chamfer"]["backend"].startswith("numba ")


def test_light_fields_are_measured_beside_clouds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, slant in (("a", 0.1), ("b", 0.2)):
        (tmp_path / folder).mkdir()
        for index in range(4):
            trimesh.creation.box((1, 0.3 + index / 5, slant + index / 9)).export(tmp_path / folder / f"{index}.ply")
    out = tmp_path / "out.json"
    words = ["score", str(tmp_path / "a"), str(tmp_path / "b"), "--protocol", "smoke", "--out", str(out)]
    assert main([*words, "--light-fields", "--count", "3", "--cache", str(tmp_path / "cache")]) == 0
    metrics = json.loads(out.read_text())["metrics"]
    assert metrics["mmd_lfd_like"]["value"] > 0 and metrics["mmd_lfd_like"]["unit"] == ""
    assert {key.replace("_lfd_like", "_cd") for key in metrics if "lfd_like" in key} == {
        key for key in metrics if "_cd" in key
    }
    with np.load(tmp_path / "cache" / "light_fields.npz") as kept:
        assert len(kept["fields"]) == 6, "shapes that were not drawn have none"
    (tmp_path / "prepared" / "box" / "b0").mkdir(parents=True)
    np.savez(tmp_path / "prepared" / "box" / "b0" / "pointcloud.npz", points=np.zeros((10, 3)))
    np.save(tmp_path / "b.npy", np.random.default_rng(0).random((4, 256, 3)))
    for source in ("b.npy", "prepared"):
        for place in (1, 2):
            bad = [*words[:place], str(tmp_path / source), *words[place + 1 :]]
            capsys.readouterr()
            assert main([*bad, "--light-fields", "--cache", str(tmp_path / "none")]) == 1
            said = capsys.readouterr().err
            assert f"{source}: light fields need meshes" in said and len(said.splitlines()) == 1, "before all else"
    assert not (tmp_path / "none").exists()


def test_halves_of_one_set(arrays: Path) -> None:
    out = arrays / "itself.json"
    assert main(["halves", str(arrays / "a.npy"), "--protocol", "smoke", "--out", str(out)]) == 0
    content = json.loads(out.read_text())
    assert content["counts"]["generated"]["found"] == content["counts"]["reference"]["found"] == 9
    assert content["metrics"]["one_nna_cd"]["value"] > 0, "the halves share no shape"


def test_halves_tell_of_shapes_that_failed(tmp_path: Path) -> None:
    for index in range(5):
        trimesh.creation.box((1, 0.5, 0.2 + index / 9)).export(tmp_path / f"{index}.ply")
    out = tmp_path / "itself.json"
    words = ["halves", str(tmp_path), "--protocol", "smoke", "--out", str(out)]
    assert main(words) == 0
    whole = json.loads(out.read_text())
    assert not any("failed" in note for note in whole["notes"])
    (tmp_path / "broken.ply").write_bytes(b"nonsense")
    assert main(words) == 0
    content = json.loads(out.read_text())
    failed = "1 of 6 shapes failed and are in neither half, the first broken.ply: broken.ply: cannot be read as .ply"
    assert content["notes"][0].startswith(failed)
    assert {**content, "notes": content["notes"][1:]} == whole, "counts are those of the halves"


def test_reconstruction_reads_ious_and_groups_from_the_manifest(tmp_path: Path) -> None:
    samples = []
    for index in range(3):
        for folder in ("back/meshes", "was"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            trimesh.creation.box((1, 0.5, 0.2 + index / 10)).export(tmp_path / folder / f"s{index}.ply")
        samples.append(
            {"id": f"s{index}.ply", "category": "box", "file": f"meshes/s{index}.ply", "iou": 0.5 + index / 10,
             "source": "toys", "solidity": index / 2}
        )  # fmt: skip
    samples.append({"id": "s3.ply", "category": "box", "file": None, "empty": True, "source": "toys", "solidity": 0})
    trimesh.creation.box().export(tmp_path / "was" / "s3.ply")
    manifest = {"schema": 1, "samples": samples, "checkpoint": {"name": "toy", "sha256": "ab" * 32}}
    (tmp_path / "back" / "manifest.json").write_text(json.dumps(manifest))
    out = tmp_path / "out.json"
    words = ["reconstruction", str(tmp_path / "back"), str(tmp_path / "was"), "--protocol", "smoke", "--out", str(out)]
    assert main(words) == 0
    content = json.loads(out.read_text())
    assert content["kind"] == "reconstruction"
    assert content["data"]["checkpoint"] == "ab" * 32 and content["data"]["trained_on"] == "not said"
    assert content["metrics"]["iou"]["value"] == pytest.approx(1.8 / 4)
    assert content["metrics"]["f_score_0.02"]["value"] == pytest.approx(3 / 4, abs=0.1)
    assert {key: row["count"] for key, row in content["per_category"].items()} == {
        "": 4, "solidity 0 to 0.5": 3, "solidity 0.9 to 1": 1, "source toys": 4,
    }  # fmt: skip
    assert main(["reconstruction", str(tmp_path / "was"), *words[2:]]) == 1, "a plain folder has no manifest"


def test_a_failure_is_one_sentence_and_leaves_the_result(arrays: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = arrays / "out.json"
    out.write_text("earlier")
    for generated, protocol, expected in (
        ("nowhere", "smoke", "no such file"),
        (str(arrays / "a.npy"), "argus3d-v1", "256 points, the protocol asks for 2048"),
        (str(arrays / "a.npy"), "none-such", "no protocol 'none-such'"),
    ):
        assert main(["score", generated, str(arrays / "b.npy"), "--protocol", protocol, "--out", str(out)]) == 1
        printed = capsys.readouterr()
        assert expected in printed.err.splitlines()[-1] and printed.out == ""
    assert out.read_text() == "earlier"


@pytest.mark.parametrize(
    "command",
    ["score none none", "halves none", "completion none toys-v1/test", "guided none toys-v1/test",
     "reconstruction none none", "memorisation none toys-v1/test", "rerun none.json"],
)  # fmt: skip
def test_where_no_result_can_lie_is_said_before_anything_is_read(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("held.run.json").mkdir()
    Path("file").write_text("mine")
    for out, expected in (
        ("folder", "folder is a folder, where a file is to be written; give --out another name."),
        ("held.json", "held.run.json is a folder"),
        ("file/out.json", "file is a file and no folder"),
        ("file/deep/out.json", "file is a file and no folder"),
        ("new/a.run.json", "names that end in .run.json are those of run records"),
    ):
        assert main([*command.split(), "--out", out]) == 1
        printed = capsys.readouterr()
        assert expected in printed.err.splitlines()[-1] and len(printed.err.splitlines()) == 1 and printed.out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "held.run.json"]


def test_wrong_usage_exits_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["score"], ["measure"]):
        with pytest.raises(SystemExit) as exit_:
            main(words)
        assert exit_.value.code == 2
    assert capsys.readouterr().out == ""


def test_doctor_finds_the_namesake_of_pymcubes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: [SimpleNamespace(metadata={"Name": "mcubes"})])
    assert main(["doctor"]) == 1
    printed = capsys.readouterr()
    checks = {check["name"]: check for check in json.loads(printed.out)["checks"]}
    assert checks["kernels"]["ok"] and not checks["marching cubes"]["ok"]
    assert "pip uninstall mcubes" in checks["marching cubes"]["detail"] and "BROKEN marching cubes" in printed.err


def test_table_and_figure_are_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    report = SimpleNamespace(main=lambda words: seen.append(words))
    monkeypatch.setitem(sys.modules, "eval.report.tables", report)
    assert main(["table", "--out", "x"]) == 0 and seen == [["--out", "x"]]
