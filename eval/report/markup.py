"""A table of numbers with intervals, as Markdown and as LaTeX."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval.report.rows import Value

LATEX_SIGNS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "↓": r"$\downarrow$", "↑": r"$\uparrow$", "→": r"$\to$", "×": r"$\times$", "–": "--", "—": "---",
    "²": "$^2$", "³": "$^3$", "∞": r"$\infty$", "−": "$-$", "±": r"$\pm$", "÷": r"$\div$",
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """A text, and smaller below it another; behind it the metric that it prints, or which end of the scale a row is."""

    text: str
    below: str = ""
    bold: bool = False
    key: str = ""  # of the metric
    value: Value | None = None
    end: str = ""  # of the first cell of a row, see `rows.ENDS`


@dataclass(frozen=True)
class Table:
    """Rows of cells under a header; the first column holds names. `notes` go below."""

    caption: str
    header: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = ()


def markdown(table: Table) -> str:
    """GitHub Markdown."""
    lines = [f"**{_plain(table.caption)}**", "", _markdown_row(table.header)]
    lines.append("| :--- |" + " ---: |" * (len(table.header) - 1))
    lines += [_markdown_row(row) for row in table.rows]
    lines += ["", *(f"- {_plain(note)}" for note in table.notes)]
    return "\n".join(lines).rstrip() + "\n"


def latex(table: Table) -> str:
    """A `table` environment for the package booktabs."""
    columns = "l" + "r" * (len(table.header) - 1)
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{escape(table.caption)}}}"]
    lines += [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *_latex_rows(table.header), r"\midrule"]
    for row in table.rows:
        lines += _latex_rows(row)
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [rf"\par\footnotesize {escape(note)}" for note in table.notes]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def escape(text: str) -> str:
    """Text with every sign that means something to LaTeX made plain."""
    return "".join(LATEX_SIGNS.get(sign, sign) for sign in text)


def _plain(text: str) -> str:
    """Text that neither ends a table's cell nor starts markup."""
    signs = {"|": "\\|", "*": "\\*", "<": "&lt;", "`": "\\`", "_": "\\_"}
    return "".join(signs.get(sign, sign) for sign in " ".join(text.split()))


def _markdown_row(cells: Sequence[Cell]) -> str:
    return "| " + " | ".join(_markdown_cell(cell) for cell in cells) + " |"


def _markdown_cell(cell: Cell) -> str:
    text = f"**{_plain(cell.text)}**" if cell.bold else _plain(cell.text)
    return f"{text}<br><sub>{_plain(cell.below)}</sub>" if cell.below else text


def _latex_rows(cells: Sequence[Cell]) -> list[str]:
    """One line for the texts and, where there are any, one for what is below them."""
    texts = [rf"\textbf{{{escape(cell.text)}}}" if cell.bold else escape(cell.text) for cell in cells]
    lines = [" & ".join(texts) + r" \\"]
    if any(cell.below for cell in cells):
        below = [rf"{{\scriptsize {escape(cell.below)}}}" if cell.below else "" for cell in cells]
        lines.append(" & ".join(below) + r" \\")
    return lines
