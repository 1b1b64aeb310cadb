"""How samples use the codebook: the share of each code, from the most used to the least."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from argus3d.data.arrays import read_npy
from argus3d.data.files import shown
from eval.report.style import GENERATOR_COLOURS, GRID_COLOUR, OTHER_COLOUR, picture, words

MOST_CODES = 1 << 20  # far beyond any codebook; each takes eight bytes here

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CodeUse:
    """How often the samples of a folder use each code.

    counts : (codes,) int64, codes up to the highest that was used
    shapes : how many samples had tokens
    """

    name: str
    counts: Counts
    shapes: int

    @property
    def perplexity(self) -> float:
        """exp of the entropy: how many codes, used equally, would say as much."""
        shares = self.counts[self.counts > 0] / self.counts.sum()
        return float(np.exp(-(shares * np.log(shares)).sum()))


def read_codes(folders: Sequence[Path]) -> list[CodeUse]:
    """Count the tokens of folders of samples.

    Raises : ValueError for a folder without tokens, or with a file of anything but codes
    """
    return [_read(folder) for folder in folders]


def codes_figure(uses: Sequence[CodeUse], suffix: str = ".png") -> bytes:
    """A line a folder on one logarithmic scale, the same bytes for the same tokens.

    Raises : ValueError for a suffix other than .png, .svg, .pdf
    """
    codes = max(len(use.counts) for use in uses)

    def draw(figure: Figure) -> None:
        panel = figure.subplots()
        for use, colour in zip(uses, _colours(len(uses)), strict=True):
            shares = np.sort(use.counts)[::-1] / use.counts.sum()
            used = int((use.counts > 0).sum())
            label = f"{words(use.name)}: {use.shapes} shapes, {used} codes, perplexity {use.perplexity:.0f}"
            panel.plot(np.arange(1, used + 1), 100 * shares[:used], color=colour, linewidth=1.4, label=label)
        panel.axhline(100 / codes, color="black", linewidth=0.8, linestyle=":")
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.yaxis.set_minor_locator(NullLocator())
        panel.set_xlim(0, codes + 1)
        panel.set_xlabel("codes, the most used first; dotted: all alike", fontsize=7, color=OTHER_COLOUR)
        panel.set_ylabel("share of tokens, %", fontsize=7)
        panel.grid(axis="y", color=GRID_COLOUR, linewidth=0.5)
        panel.legend(frameon=False, fontsize=7, loc="lower left")

    return picture((5.2, 2.8), draw, suffix)


def _colours(count: int) -> list[str]:
    return [GENERATOR_COLOURS[place % len(GENERATOR_COLOURS)] for place in range(count)]


def _read(folder: Path) -> CodeUse:
    files = shown((folder / "tokens").glob("*.npy"))
    if not files:
        raise ValueError(f"{folder}: no tokens there; give a folder of argus3d sample or argus3d reconstruct")
    found = np.concatenate([_tokens(file) for file in files])
    if not len(found):
        raise ValueError(f"{folder}: its tokens are all empty; make the samples again")
    return CodeUse(folder.name.replace("_", " "), np.bincount(found), len(files))


def _tokens(path: Path) -> Counts:
    """The codes of a file, in a row."""
    try:
        found = read_npy(path).ravel()
    except ValueError as error:
        raise ValueError(f"{path} holds no tokens ({error}); make the samples again") from error
    whole = np.issubdtype(found.dtype, np.integer)
    if not whole or (len(found) and not 0 <= int(found.min()) <= int(found.max()) < MOST_CODES):
        raise ValueError(f"{path}: tokens are whole numbers from 0 to {MOST_CODES - 1:,}; make the samples again")
    return found.astype(np.int64)
