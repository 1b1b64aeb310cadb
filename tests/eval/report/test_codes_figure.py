"""The figure of codes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.report.codes_figure import codes_figure, read_codes
from eval.report.figures import main


def folder(place: Path, *tokens: list[int]) -> Path:
    """A folder of samples with these tokens."""
    (place / "tokens").mkdir(parents=True)
    for number, own in enumerate(tokens):
        np.save(place / "tokens" / f"shape-{number}.npy", np.array(own, int).reshape(2, -1))
    return place


def test_codes_are_counted_over_all_shapes(tmp_path: Path) -> None:
    (use,) = read_codes([folder(tmp_path / "back_again", [0, 0, 3, 3], [0, 3, 0, 3])])
    assert use.name == "back again" and use.shapes == 2
    assert use.counts.tolist() == [4, 0, 0, 4]
    assert use.perplexity == pytest.approx(2.0)


def test_perplexity_is_between_one_and_the_codes_used(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(20):
        tokens = rng.integers(0, 30, 100) ** 2 % 50
        (use,) = read_codes([folder(tmp_path / str(number), tokens.tolist())])
        assert 1 <= use.perplexity <= len(np.unique(tokens))
    (one,) = read_codes([folder(tmp_path / "one", [7, 7, 7, 7])])
    assert one.perplexity == pytest.approx(1.0)


def test_the_figure_names_folders_and_is_the_same_twice(tmp_path: Path) -> None:
    uses = read_codes([folder(tmp_path / "mine", [0, 1, 2, 3]), folder(tmp_path / "theirs", [9, 9, 9, 1])])
    once = codes_figure(uses, ".svg")
    assert codes_figure(uses, ".svg") == once
    assert "mine: 1 shapes, 4 codes, perplexity 4" in once.decode()
    assert "theirs: 1 shapes, 2 codes" in once.decode()


def test_by_the_command(tmp_path: Path) -> None:
    out = tmp_path / "codes.png"
    assert main(["--codes", str(folder(tmp_path / "mine", [0, 1, 2, 3])), "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")


def test_a_folder_without_tokens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"{tmp_path}: no tokens there"):
        read_codes([tmp_path])


@pytest.mark.parametrize(
    "tokens",
    [[3 * 10**8], [-1], [np.nan], [0.5], ["a"], [2**64 - 1]],
    ids=["300 million", "below 0", "no number", "half a code", "a word", "the largest"],
)
def test_what_is_no_code_is_refused_by_name(tmp_path: Path, tokens: list[Any]) -> None:
    np.save(folder(tmp_path / "mine", [0, 1]) / "tokens" / "odd.npy", np.array(tokens))
    with pytest.raises(ValueError, match=r"odd\.npy: tokens are whole numbers from 0"):
        read_codes([tmp_path / "mine"])


def test_files_without_tokens_and_broken_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mine: its tokens are all empty"):
        read_codes([folder(tmp_path / "mine", [])])
    (folder(tmp_path / "theirs", [0, 1]) / "tokens" / "broken.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(ValueError, match=r"broken\.npy holds no tokens"):
        read_codes([tmp_path / "theirs"])
