"""What figures have in common: colours, type, and how they are written."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from argus3d.data.files import write_atomically
from eval.report.rows import CEILING, FLOOR

# Okabe and Ito's palette, which colour-blind readers tell apart; generators take theirs in the order of the rows.
GENERATOR_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9")
MARKER_COLOURS = {FLOOR: "#D55E00", CEILING: "#009E73"}
OTHER_COLOUR = "#666666"
GRID_COLOUR = "#dddddd"
LONGEST = 120  # letters of a name in a figure
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "svg.hashsalt": "argus3d",
    "svg.fonttype": "none",
}
METADATA: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"Creator": None, "Producer": None, "CreationDate": None},
}

Drawing = Callable[[Figure], None]
Size = tuple[float, float]


def picture(size: Size, draw: Drawing, suffix: str, dpi: int = 150) -> bytes:
    """What `draw` draws, the same bytes for the same drawing.

    size : width and height in inches
    dpi : of a .png
    Raises : ValueError for a suffix other than .png, .svg, .pdf
    """
    if suffix not in METADATA:
        raise ValueError(f"figures are {', '.join(METADATA)}, not {suffix!r}")
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure)
        content = io.BytesIO()
        figure.savefig(content, format=suffix[1:], dpi=dpi, metadata=METADATA[suffix])
    return content.getvalue()


def write_pictures(paths: Sequence[Path], drawn: Callable[[str], bytes]) -> None:
    """One figure in several formats, none of them half.

    drawn : the figure in the format of a suffix
    Raises : ValueError as `picture`, before anything is written
    """
    for path, content in [(path, drawn(path.suffix)) for path in paths]:
        write_atomically(path, content)


def words(text: str) -> str:
    """A text as it is drawn, whoever wrote it: no mathematics, one line, no longer than can be read."""
    seen = "".join(letter if letter.isprintable() else " " for letter in text[:LONGEST])
    short = seen if len(text) <= LONGEST else f"{seen[:-1]}…"
    return short.replace("$", r"\$")
