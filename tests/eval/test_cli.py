"""The command line: JSON on stdout, one sentence on stderr, exit codes."""

import importlib.metadata
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

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
    monkeypatch.setitem(__import__("sys").modules, "eval.report.tables", report)
    assert main(["table", "--out", "x"]) == 0 and seen == [["--out", "x"]]
