"""A result repeated from its own record."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from eval.cli import main
from eval.protocol import get_protocol
from eval.rerun import differences
from tests.eval.task_folders import edit, prepare, write_tasks
from tests.eval.toys import BOXES

BY = "--data-root data --protocol smoke --out out.json"
COMMANDS = (
    "score a.npy b.npy --count 6 --name mine --cache kept --workers 1",
    "halves b.npy",
    "reconstruction back toys-v1/test",
    "completion done toys-v1/test --category chair",
    "guided done toys-v1/test",
    "memorisation a.npy toys-v1/test",
)
OF_FOLDERS = "score done toys-v1/test --count 5"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two arrays of clouds, prepared toys, samples for them and reconstructions of them, in the current directory."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        np.save(f"{name}.npy", rng.normal(size=(8, 256, 3)).astype(np.float32))
    axes = prepare(Path("data"), {"chair": 3, "table": 2})
    write_tasks(Path("done"), axes, lambda shape, number: axes[shape] * (1 + number / 10), each=2, parts=True)
    write_tasks(Path("back"), axes, lambda shape, number: axes[shape], each=1)
    edit(Path("back"), lambda records: [record.update(id=record["shape"], iou=0.9) for record in records])
    return tmp_path


def made(command: str) -> dict[str, bytes]:
    """All files after a command that measures."""
    assert main(shlex.split(f"{command} {BY}")) == 0
    return files()


def files() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(Path().rglob("*")) if path.is_file()}


Rerun = Callable[[str], tuple[int, dict[str, Any], str]]


@pytest.fixture
def rerun(capsys: pytest.CaptureFixture[str]) -> Rerun:
    def run(words: str) -> tuple[int, dict[str, Any], str]:
        """Exit code, what was reported ({} where nothing was), and what was said."""
        capsys.readouterr()
        code = main(["rerun", *shlex.split(words)])
        printed = capsys.readouterr()
        return code, json.loads(printed.out or "{}"), printed.err

    return run


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.split()[0])
def test_every_command_that_measures_is_repeated_bit_for_bit(command: str, place: Path, rerun: Rerun) -> None:
    before = made(command)
    code, report, said = rerun("out.json")
    assert code == 0 and report["differing"] == [] and "nothing differs" in said
    assert report["equal"] == sorted(json.loads(before["out.json"]))
    assert files() == before, "nothing is written"


def test_other_shapes_are_said_first(place: Path, rerun: Rerun) -> None:
    made("score a.npy b.npy")
    np.save("a.npy", np.load("a.npy") * np.float32([1, 1, 1.01]))
    code, report, said = rerun("out.json --tolerance 1")
    assert code == 1 and [entry["field"] for entry in report["differing"]] == ["data/generated"]
    assert "the generated shapes are others" in said and "reference shapes are" not in said
    exact = rerun("out.json")[1]["differing"]
    assert exact[0]["field"] == "data/generated" and "metrics/mmd_cd/value" in [entry["field"] for entry in exact]


def test_a_number_of_the_file_that_is_not_what_comes_out_is_named(place: Path, rerun: Rerun) -> None:
    made("score a.npy b.npy")
    content = json.loads(Path("out.json").read_text())
    was = content["metrics"]["mmd_cd"]["value"]
    content["metrics"]["mmd_cd"]["value"] = was * (1 + 1e-9)
    Path("out.json").write_text(json.dumps(content))
    code, report, _ = rerun("out.json")
    assert code == 1
    assert report["differing"] == [{"field": "metrics/mmd_cd/value", "was": was * (1 + 1e-9), "is": was}]
    assert rerun("out.json --tolerance 1e-8")[0] == 0


def test_without_a_record_the_command_is_typed(place: Path, rerun: Rerun) -> None:
    made("score a.npy b.npy --name mine")
    Path("out.run.json").unlink()
    code, _, said = rerun("out.json")
    assert code == 1 and "out.run.json, which holds the command, is not beside it; type it" in said
    assert rerun("out.json score a.npy b.npy")[0] == 0, "name and protocol are the result's own"
    assert rerun("out.json -- argus3d-eval score a.npy b.npy")[0] == 0
    assert rerun("out.json score b.npy a.npy")[0] == 1


def test_every_result_has_a_record_of_its_own(place: Path, rerun: Rerun) -> None:
    commands = {"v.1": "score a.npy b.npy", "v.2": "score b.npy a.npy", "v.json": "halves b.npy"}
    for out, command in commands.items():
        assert main(shlex.split(f"{command} {BY} --out {out}")) == 0
    for out, command in commands.items():
        name = out.removesuffix(".json")
        assert json.loads(Path(out).read_text())["name"] == name
        assert command in json.loads(Path(f"{name}.run.json").read_text())["command"]
        assert rerun(out)[0] == 0
    code, _, said = rerun("v.json --out v")
    assert code == 1 and "v is the result that is to be repeated, or has its record" in said


def test_files_that_moved_are_found_by_the_words_of_today(place: Path, rerun: Rerun) -> None:
    made("memorisation a.npy toys-v1/test")
    Path("data").rename("elsewhere")
    code, _, said = rerun("out.json")
    assert code == 1 and "go where it was typed, or type it" in said
    assert rerun("--data-root elsewhere out.json")[0] == 0


@pytest.mark.parametrize("command", (OF_FOLDERS, *COMMANDS[2:]), ids=lambda command: command.split()[0])
def test_why_shapes_failed_does_not_depend_on_where_they_lay(command: str, place: Path, rerun: Rerun) -> None:
    Path("data/toys/chair/toys-chair-01/pointcloud.npz").write_bytes(b"damaged")
    made(command)
    failed = json.loads(Path("out.json").read_text())["counts"]["reference"]["failed"]
    assert [item for item, _ in failed] == ["toys-chair-01"]
    assert failed[0][1].startswith("pointcloud.npz of toys/chair/toys-chair-01 cannot be read")
    Path("data").rename("moved")
    for root in ("moved", place / "moved", "moved/../moved"):
        assert rerun(f"out.json --data-root {root}")[:1] == (0,)


def test_notes_do_not_tell_where_sources_lay(place: Path, rerun: Rerun) -> None:
    for size, name in ((1, "one/box/a"), (2, "one/box/b"), (3, "one/c"), (4, "two/box/a"), (5, "two/box/b")):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        trimesh.creation.box((size, 1, 1)).export(f"{name}.ply")
    made("score one two --category box")
    notes = json.loads(Path("out.json").read_text())["notes"]
    assert "1 generated shapes whose class is not known were left out" in notes
    assert rerun(f"out.json score {place / 'one'} ./two/../two --category box")[0] == 0


def test_what_is_kept_is_another_file(place: Path, rerun: Rerun) -> None:
    before = made("score a.npy b.npy")
    code, _, said = rerun("--out out.json out.json")
    assert code == 1 and "out.json is the result that is to be repeated" in said and files() == before
    assert rerun("--out again.json out.json")[0] == 0
    assert Path("again.json").read_bytes() == before["out.json"] and Path("again.run.json").is_file()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.split()[0])
def test_what_is_kept_has_the_command_of_what_was_repeated(command: str, place: Path, rerun: Rerun) -> None:
    fields = {key: value for key, value in get_protocol("smoke").to_json().items() if key != "hash"}
    Path("own.json").write_text(json.dumps(fields | {"name": "own"}))
    assert main(shlex.split(f"{command} --data-root data --protocol own.json --out out.json")) == 0
    Path("data").rename("moved")
    assert rerun("out.json --data-root moved --out again.json")[0] == 0
    first, again = (json.loads(Path(f"{name}.run.json").read_text()) for name in ("out", "again"))
    assert again["command"] == first["command"].replace(" --data-root data", "") + " --data-root=moved"
    assert again["machine"] == first["machine"] and again.keys() == first.keys()
    assert rerun("again.json --out once_more.json")[0] == 0
    assert Path("once_more.json").read_bytes() == Path("out.json").read_bytes()
    assert json.loads(Path("once_more.run.json").read_text())["command"] == again["command"]


def test_names_are_repeated_whatever_they_look_like(place: Path, rerun: Rerun) -> None:
    made("score b.npy toys-v1/test --count 5 --name=-x")
    assert json.loads(Path("out.json").read_text())["name"] == "-x"
    assert rerun("out.json")[0] == 0
    Path("data").rename("-y")
    assert rerun("out.json --data-root=-y")[0] == 0
    Path("-y").rename("halves")
    assert rerun("out.json --out score --data-root halves")[0] == 0
    assert rerun("--out=rerun --data halves score")[0] == 0, "a result may be named like a command"
    assert rerun("--data-root halves score score b.npy toys-v1/test --count 5 --out x")[0] == 0
    assert {"score", "rerun"} < set(files()) and "x" not in files()


@pytest.mark.parametrize("tolerance", ["nan", "inf", "-1", "few"])
def test_a_tolerance_that_is_none_is_wrong_usage(
    tolerance: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["rerun", "none.json", "--tolerance", tolerance])
    assert exit_.value.code == 2 and f"--tolerance: {tolerance} is no share" in capsys.readouterr().err


def test_a_file_starts_no_code_and_a_user_does(place: Path, rerun: Rerun) -> None:
    Path("boxes.py").write_text(BOXES)
    command = "score --generator boxes:Boxes --split toys-v1/test --category chair,table"
    before = made(command)
    code, _, said = rerun("out.json")
    assert code == 1 and "its command runs code of its own" in said
    assert rerun(f"--data-root data out.json {command}")[0] == 0
    left = {name: content for name, content in files().items() if "__pycache__" not in name}
    assert left == {name: content for name, content in before.items() if "__pycache__" not in name}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "holds no JSON object"),
        ('{"command": 3}', "no run record"),
        ('{"command": ""}', "nothing is no command of argus3d-eval"),
        ('{"command": "rm -r data"}', "rm -r data is no command of argus3d-eval"),
        ('{"command": "argus3d-eval rerun out.json"}', "argus3d-eval rerun measures nothing"),
        ('{"command": "argus3d-eval score --nothing"}', "is no command that can be repeated"),
        ('{"command": "argus3d-eval score -h"}', "is no command that can be repeated"),
    ],
)
def test_records_that_say_nothing_are_refused(record: str, message: str, place: Path, rerun: Rerun) -> None:
    before = made("halves b.npy")
    Path("out.run.json").write_text(record)
    code, report, said = rerun("out.json")
    assert code == 1 and report == {} and message in said
    assert files()["out.json"] == before["out.json"]


@pytest.mark.parametrize("words", ["--cac elsewhere", "--cach=elsewhere", "--eng ray", "--addr 127.0.0.1:1", "--wo 2"])
def test_beginnings_of_options_do_not_pass_for_others(words: str, place: Path, rerun: Rerun) -> None:
    made("score a.npy b.npy")
    record = place / "out.run.json"
    command = json.loads(record.read_text())["command"]
    record.write_text(json.dumps({"command": f"{command} {words}"}))
    before = sorted(place.rglob("*"))
    code, _, said = rerun("out.json")
    assert code == 1 and "no command that can be repeated" in said
    assert sorted(place.rglob("*")) == before


def test_what_is_measured_is_not_written_over(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save("a.npy", np.random.default_rng(0).normal(size=(4, 64, 3)).astype(np.float32))
    content = Path("a.npy").read_bytes()
    for command in ("score a.npy a.npy", "halves a.npy", "memorisation a.npy toys-v1/test", "nearest a.npy a.npy"):
        assert main([*command.split(), "--out", "./a.npy"]) == 1
        assert "is read, and would be written over" in capsys.readouterr().err
    assert Path("a.npy").read_bytes() == content


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"schema": 1}'])
def test_files_that_hold_no_result_are_named(content: str, place: Path, rerun: Rerun) -> None:
    Path("out.json").write_text(content)
    code, _, said = rerun("out.json")
    assert code == 1 and "out.json: no result" in said


def test_a_field_that_came_or_went_differs_whatever_the_tolerance() -> None:
    was, now = {"metrics": {"a": {"value": 1.0}}}, {"metrics": {"b": {"value": None}}}
    assert differences(was, now, 1.0) == [("metrics/a/value", 1.0, None), ("metrics/b/value", None, None)]
    assert differences({"counts": {"found": 10}}, {"counts": {"found": 11}}, 1.0) == [("counts/found", 10, 11)]
