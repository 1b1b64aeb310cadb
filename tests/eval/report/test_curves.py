"""Learning curves."""

import json
from pathlib import Path

import pytest

from eval.report.curves import curves_figure, main, read_log

LINES = [{"step": n, "seconds": 60.0 * n, "running_loss": 3 / n, "iou_toys": 1 - 1 / n, "loss": 1.0} for n in (1, 2, 3)]


def write(path: Path) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return path


def test_the_same_log_gives_the_same_svg_that_names_its_curves(tmp_path: Path) -> None:
    log = read_log(write(tmp_path / "stage-1.jsonl"))
    once = curves_figure({"stage-1": log}, ".svg")
    assert curves_figure({"stage-1": log}, ".svg") == once
    for word in ("running loss", "iou toys", "minutes of training", "stage 1"):
        assert word in once.decode()


def test_the_command_writes_a_picture(tmp_path: Path) -> None:
    out = tmp_path / "curves.png"
    assert main([str(write(tmp_path / "a.jsonl")), str(write(tmp_path / "b.jsonl")), "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")


def test_the_course_of_the_run_has_a_panel_of_its_own() -> None:
    told = [{**line, "learning_rate": 1e-3, "gradient_norm": 0.5, "perplexity": 300.0, "restarts": 4} for line in LINES]
    figure = curves_figure({"stage-1": told, "stage-2": LINES}, ".svg").decode()
    for word in ("learning rate", "gradient norm", "perplexity"):
        assert word in figure
    assert "restarts" not in figure
    assert "learning rate" not in curves_figure({"stage-2": LINES}, ".svg").decode()


def test_what_conditions_gain_has_a_panel_of_its_own() -> None:
    told = [{**line, "validation_gain_text": 0.01 * line["step"]} for line in LINES]
    axes = [curves_figure({"a": lines, "b": LINES}, ".svg").decode().count('id="axes_') for lines in (LINES, told)]
    assert axes == [2, 4]
    assert "validation gain text" in curves_figure({"a": told}, ".svg").decode()


def test_every_curve_is_drawn_and_one_that_began_later_too() -> None:
    names = [f"validation_loss_{kind}" for kind in "abcdefghij"]
    later = [LINES[0], *({**line, **dict.fromkeys(names, 2.0)} for line in LINES[1:])]
    figure = curves_figure({"stage-2": later}, ".svg").decode()
    assert all(name.replace("_", " ") in figure for name in names)


def test_logs_are_called_by_their_folders(tmp_path: Path) -> None:
    paths = []
    for name in ("autoencoder", "transformer"):
        (tmp_path / name).mkdir()
        paths.append(str(write(tmp_path / name / "log.jsonl")))
    out = tmp_path / "curves.svg"
    assert main([*paths, "--out", str(out)]) == 0
    assert "autoencoder" in out.read_text() and "transformer" in out.read_text()
    with pytest.raises(ValueError, match="two logs are called transformer"):
        main([paths[1], paths[1], "--out", str(out)])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("[1]", "no object"), ("[[1, 2]]", "no object"), ('{"a\\ud800": 1, "seconds": 1}', "no object"),
        ('{"step": 1, "running_loss": 2.0}', "says no seconds"), ('{"seconds": null, "iou": 1}', "says no seconds"),
        ('{"seconds": NaN, "iou": 1}', "says no seconds"), ('{"seconds": "x", "iou": 1}', "seconds is no number"),
        ('{"seconds": 1, "iou": [1]}', "iou is no number"), ('{"seconds": 1, "iou": 1' + "0" * 400 + "}", "iou is no"),
        ("[" * 100_000, "line 2"), ("{", "line 2"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_drawn_is_refused_by_its_number(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text(f"{json.dumps(LINES[0])}\n{line}\n")
    with pytest.raises(ValueError, match=r"odd\.jsonl is no training log \(line 2: ") as found:
        read_log(path)
    assert reason in str(found.value)


@pytest.mark.parametrize("keys", [[], [f"iou_{number}" for number in range(3000)]], ids=["nothing", "too much"])
def test_a_log_of_nothing_or_too_much_is_refused(tmp_path: Path, keys: list[str]) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text(json.dumps({"seconds": 5, **dict.fromkeys(keys, 1)}))
    with pytest.raises(ValueError, match=rf"odd\.jsonl: its last line has {len(keys):,} curves"):
        read_log(path)


def test_what_is_no_log_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(ValueError, match=r"empty\.jsonl is empty"):
        read_log(tmp_path / "empty.jsonl")
    (tmp_path / "astray.jsonl").write_text('{"seconds": 1, "loss": NaN, "running_loss": NaN, "iou_toys": null}\n')
    assert curves_figure({"astray": read_log(tmp_path / "astray.jsonl")}).startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="figures are"):
        curves_figure({"a": LINES}, ".gif")
