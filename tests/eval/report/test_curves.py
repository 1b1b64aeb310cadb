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


def test_what_is_no_log_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(ValueError, match=r"empty\.jsonl is empty"):
        read_log(tmp_path / "empty.jsonl")
    (tmp_path / "odd.jsonl").write_text("[1]\n")
    with pytest.raises(ValueError, match=r"odd\.jsonl is no training log"):
        read_log(tmp_path / "odd.jsonl")
    with pytest.raises(ValueError, match="figures are"):
        curves_figure({"a": LINES}, ".gif")
