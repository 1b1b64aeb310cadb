"""The figure of metrics."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.report.figures import main
from eval.report.metrics_figure import metrics_figure
from eval.report.rows import read_rows
from tests.eval.report.results import generation, metric, write_result

NAMES = ("nano", "reconstructed_training_set", "scrambled")


def results(folder: Path) -> list[Path]:
    metrics = [generation(quality) for quality in (0.5, 0.9, 0.1)]
    # what could not be measured is drawn around
    metrics[0] |= {"ecd_cd": metric(None, None, None, "lower", 2.0), "mmd_cd": metric(0.1, None, None)}
    return [write_result(folder, name, entry) for name, entry in zip(NAMES, metrics, strict=True)]


def test_the_same_rows_give_the_same_svg_that_names_everything(tmp_path: Path) -> None:
    rows = read_rows(results(tmp_path))
    once = metrics_figure(rows, ".svg")
    assert metrics_figure(rows, ".svg") == once
    for word in ("MMD-CD", "COV-EMD", "1-NNA-CD", "ECD-EMD", "nano", "reconstructed training set", "scrambled"):
        assert word in once.decode()


def test_the_command_writes_the_same_png_that_is_not_blank(tmp_path: Path) -> None:
    out = tmp_path / "figures" / "metrics.png"
    paths = results(tmp_path)
    main([*map(str, paths), "--out", str(out)])
    assert np.asarray(Image.open(out).convert("L")).std() > 5
    assert metrics_figure(read_rows(paths)) == out.read_bytes()


def test_one_command_writes_several_formats_or_none(tmp_path: Path) -> None:
    paths = [*map(str, results(tmp_path))]
    outs = [tmp_path / f"metrics{suffix}" for suffix in (".png", ".svg", ".pdf")]
    main([*paths, "--out", *map(str, outs)])
    starts = [out.read_bytes()[:5] for out in outs]
    assert starts == [b"\x89PNG\r", b"<?xml", b"%PDF-"]
    with pytest.raises(ValueError, match=r"not '\.gif'"):
        main([*paths, "--out", str(tmp_path / "other.png"), str(tmp_path / "other.gif")])
    assert not (tmp_path / "other.png").exists()


def test_a_figure_is_of_one_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], [*map(str, results(tmp_path)), "--codes", str(tmp_path)]):
        with pytest.raises(SystemExit):
            main([*words, "--out", str(tmp_path / "a.png")])
        assert "name one of them" in capsys.readouterr().err


def test_rows_without_generation_are_refused(tmp_path: Path) -> None:
    rows = read_rows([write_result(tmp_path, "back", {}, "reconstruction")])
    with pytest.raises(ValueError, match="nothing to draw"):
        metrics_figure(rows)


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"not '\.gif'"):
        metrics_figure(read_rows(results(tmp_path)), ".gif")


def test_panels_are_those_of_the_distances_measured(tmp_path: Path) -> None:
    only = {key: entry for key, entry in generation(0.5).items() if key.endswith("_cd")}
    text = metrics_figure(read_rows([write_result(tmp_path, "nano", only)]), ".svg").decode()
    assert "MMD-CD" in text and "EMD" not in text


def test_names_are_drawn_as_they_are(tmp_path: Path) -> None:
    path = write_result(tmp_path, "nano", generation(0.5))
    path.write_text(path.read_text().replace('"nano"', json.dumps(r"cost $\frac{ and $")))
    assert main([str(path), "--out", str(tmp_path / "all.svg")]) == 0
    assert r"cost $\frac{ and $" in (tmp_path / "all.svg").read_text()


def test_a_name_that_nobody_could_read_is_shortened(tmp_path: Path) -> None:
    path = write_result(tmp_path, "nano", generation(0.5))
    path.write_text(path.read_text().replace('"nano"', json.dumps("long\n" * 20_000)))
    text = metrics_figure(read_rows([path]), ".svg").decode()
    assert "long long" in text and "…" in text and len(text) < 500_000
