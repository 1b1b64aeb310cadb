"""`argus3d-eval table --sensitivity`: from results or two sets to tables of what moves their numbers."""

import json
from pathlib import Path

import numpy as np
import pytest

from eval.cli import main
from eval.protocol import get_protocol
from eval.report.tables import BEGIN, END
from tests.eval.report.results import generation, write_result


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two sets, a protocol that is quick, and the result of the one against the other."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        np.save(f"{name}.npy", rng.random((16, 64, 3)) * rng.uniform(0.2, 1, (16, 1, 3)))
    fields = {"name": "quick", "points": 64, "emd_points": 8, "f_score_points": 64, "ecd_k": 2, "interval_repeats": 8}
    Path("quick.json").write_text(json.dumps(get_protocol("smoke").to_json() | fields | {"hash": None}))
    content = json.loads(Path("quick.json").read_text())
    del content["hash"]
    Path("quick.json").write_text(json.dumps(content))
    assert main(["score", "a.npy", "b.npy", "--protocol", "quick.json", "--out", "results/a.json"]) == 0
    return tmp_path


def test_of_a_result_and_of_its_two_sets_it_is_the_same(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "--sensitivity", "results/a.json", "--out", "one", "--cache", "kept"]) == 0
    sets = ["--sensitivity", "a.npy", "b.npy", "--protocol", "quick.json", "--name", "a"]
    assert main(["table", *sets, "--out", "two", "--cache", "kept"]) == 0
    assert "cd: halves by normalization box_2" in capsys.readouterr().err
    for suffix in (".json", ".md", ".csv", ".tex"):
        assert Path(f"one{suffix}").read_bytes() == Path(f"two{suffix}").read_bytes()
    assert json.loads(Path("one.run.json").read_text())["command"].startswith("argus3d-eval table --sensitivity")
    assert "**What moves the metrics: a, 16 shapes a set**" in Path("one.md").read_text()

    # What was measured is laid out again without the sets.
    Path("a.npy").unlink()
    assert main(["table", "--sensitivity", "one.json", "two.json", "--out", "both"]) == 0
    assert Path("both.md").read_text() == "\n".join([Path("one.md").read_text()] * 2)


def test_of_a_result_that_was_repeated_it_is_the_same(place: Path) -> None:
    assert main(["rerun", "results/a.json", "--out", "again.json"]) == 0
    for result, out in (("results/a.json", "one"), ("again.json", "two")):
        assert main(["table", "--sensitivity", result, "--out", out, "--cache", "kept"]) == 0
    assert Path("one.json").read_bytes() == Path("two.json").read_bytes()


def test_what_it_cannot_measure_it_says(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*words: str) -> str:
        capsys.readouterr()
        assert main(["table", "--sensitivity", *words, "--out", "no"]) == 1
        assert not Path("no.json").exists()
        return capsys.readouterr().err

    assert "takes result files (.json), or two sets; got a.npy" in refused("a.npy")
    assert "takes result files (.json), or two sets" in refused("a.npy", "results/a.json")
    record = Path("results/a.run.json")
    kept = record.read_text()
    record.write_text(kept.replace("argus3d-eval score", "argus3d-eval halves"))
    assert "was not made by argus3d-eval score" in refused("results/a.json")
    for command, reason in (
        ("argus3d-eval score --help", "measures nothing here"),
        ("argus3d-eval score a.npy b.npy --no-such", "measures nothing here"),
        ("argus3d-eval score '", "its command cannot be read"),
        (None, "was not made by argus3d-eval score"),
    ):
        record.write_text(json.dumps({"command": command}))
        assert reason in refused("results/a.json")
    for content in ("[]", "[" * 100_000, "", "null"):
        record.write_text(content)
        assert "a.run.json" in refused("results/a.json")
        Path("odd.json").write_text(content)
        assert "odd.json" in refused("odd.json")
    record.unlink()
    assert "a.run.json, which names its two sets, is not beside it" in refused("results/a.json")
    record.write_text(kept)
    np.save("a.npy", np.random.default_rng(9).random((16, 64, 3)))
    assert "holds other shapes than it was measured on" in refused("results/a.json")
    Path("old.json").write_text('{"kind": "sensitivity", "schema": 0}')
    assert "no measurement of sensitivity of schema 1" in refused("old.json")


def test_a_record_of_a_result_is_not_overwritten(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path("results/a.run.json").read_bytes()
    assert main(["table", "--sensitivity", "results/a.json", "--out", "results/a.run"]) == 1
    assert "are those of run records" in capsys.readouterr().err
    assert Path("results/a.run.json").read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        ["table", "--sensitivity", "results/a.json", "--out", "results/a"],
        ["table", "results/a.json", "--readme", "a.md", "--out", "a"],
        ["figure", "results/a.svg", "--out", "results/a.svg"],
        ["page", "results/a.json", "--out", "results/a.json"],
        ["page", "results", "--out", "results/a.json"],
        ["page", "results", "--more", "a.md", "--out", "a.md"],
    ],
    ids=" ".join,
)
def test_nothing_is_written_over_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("results").mkdir()
    write_result(Path("results"), "a", generation(0.5))
    Path("results/a.svg").write_bytes(Path("results/a.json").read_bytes())
    Path("results/a.run.json").write_text("{}")
    Path("a.md").write_text(f"{BEGIN}\n| a |\n| --- |\n| 1 |\n{END}\n")
    before = {path: path.read_bytes() for path in sorted(Path().rglob("*")) if path.is_file()}
    assert main(words) == 1
    assert "is read, and would be written over; give --out another name." in capsys.readouterr().err
    assert {path: path.read_bytes() for path in sorted(Path().rglob("*")) if path.is_file()} == before


def test_tables_of_results_are_as_before(place: Path) -> None:
    assert main(["table", "results/a.json", "--out", "plain"]) == 0
    assert "**Generated against reference shapes**" in Path("plain.md").read_text()
