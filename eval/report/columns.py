"""What tables and figures show of results: metrics in order, with titles, scales and signs."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval.report.rows import Row

ARROWS = {"lower": "↓", "higher": "↑", "towards": "→"}
DISTANCES = {
    "cd": "CD",
    "emd": "EMD",
    "emd_squared": "squared EMD",
    "emd_approx": "approx. EMD",
    "emd_squared_approx": "approx. squared EMD",
    "lfd_like": "LFD-like",
}
# How an MMD is printed: (scale, sign, decimals).
MMD_SCALES = {
    "cd": (1e3, "×10³", 2),
    "emd": (1e2, "×10²", 2),
    "emd_squared": (1e3, "×10³", 2),
    "emd_approx": (1e2, "×10²", 2),
    "emd_squared_approx": (1e3, "×10³", 2),
    "lfd_like": (1.0, "", 0),
}


@dataclass(frozen=True)
class Column:
    """A metric as a table shows it: its value times `scale`, which the header names by `sign`."""

    key: str
    title: str
    scale: float
    sign: str
    decimals: int


GENERATION = {
    distance: (
        Column(f"mmd_{distance}", f"MMD-{title}", *MMD_SCALES[distance]),
        Column(f"cov_{distance}", f"COV-{title}", 1e2, "%", 1),
        Column(f"covt_{distance}", f"CovT-{title}", 1e2, "%", 1),
        Column(f"one_nna_{distance}", f"1-NNA-{title}", 1e2, "%", 1),
        Column(f"ecd_{distance}", f"ECD-{title}", 1.0, "", 1),
    )
    for distance, title in DISTANCES.items()
}
RECONSTRUCTION = (
    Column("iou", "IoU", 1e2, "%", 1),
    Column("iou_near", "IoU near surface", 1e2, "%", 1),
    Column("f_score_0.02", "F-score at 0.02", 1e2, "%", 1),
    Column("f_score_0.02_median", "median F-score", 1e2, "%", 1),
    Column("normal_consistency", "normal consistency", 1e2, "%", 1),
    Column("cd", "CD", 1e3, "×10³", 2),
    Column("cd_l1", "CD-L1", 1e2, "×10²", 2),
    *(Column(name, DISTANCES[name], *MMD_SCALES[name]) for name in DISTANCES if name.startswith("emd")),
)
COMPLETION = (
    Column("tmd_cd", "TMD-CD", 1e2, "×10²", 2),
    Column("uhd", "UHD", 1e2, "×10²", 2),
    Column("completeness_0.03", "completeness at 0.03", 1e2, "%", 1),
    Column("mmd_cd", "MMD-CD", 1e3, "×10³", 2),
    Column("own_mmd_cd", "own MMD-CD", 1e3, "×10³", 2),
    Column("amd_cd", "AMD-CD", 1e3, "×10³", 2),
)
GUIDED = (
    Column("amd_cd", "AMD-CD", 1e3, "×10³", 2),
    Column("own_mmd_cd", "own MMD-CD", 1e3, "×10³", 2),
    Column("mmd_cd", "MMD-CD", 1e3, "×10³", 2),
    Column("tmd_cd", "TMD-CD", 1e2, "×10²", 2),
    Column("class_agreement", "class agreement", 1e2, "%", 1),
    Column("class_agreement_reliable", "the same, reliable classes", 1e2, "%", 1),
)
MEMORISATION = (
    Column("novelty_ratio", "novelty", 1.0, "times", 2),
    Column("nearest_cd", "CD to the nearest", 1e3, "×10³", 2),
    Column("near_share", "nearly copies", 1e2, "%", 1),
    Column("farther", "farther than training", 1e2, "%", 1),
)
JSD = Column("jsd", "JSD", 1e2, "×10², bits", 2)
NETWORK_METRICS = {"frechet": "Fréchet", "kernel": "kernel", "alignment": "alignment"}
NETWORK_NOTE = (
    "Fréchet and kernel: distances between features of the point network of that hash; numbers of other networks "
    "(FPD, P-FID) are on other scales. The Fréchet distance falls as sets grow, the kernel distance is 0 in the mean "
    "for sets of one distribution."
)
TESTED = {"one_nna": "1-NNA", "ecd": "ECD"}


def measured(rows: Sequence[Row]) -> list[str]:
    """The kinds of distance that any of the rows was measured by."""
    return [name for name, block in GENERATION.items() if any(any_has(rows, column) for column in block)]


def any_has(rows: Sequence[Row], column: Column) -> bool:
    """Whether a column would hold anything."""
    return any(column.key in row.metrics for row in rows)


def of_network(key: str) -> Column:
    """The column of a metric such as "frechet_1a2b3c4d" or "kernel_views_1a2b3c4d"."""
    kind, _, network = key.partition("_")
    return Column(key, f"{NETWORK_METRICS[kind]} {network.replace('_', ' ')}".strip(), 1.0, "", 3)


def network_columns(rows: Sequence[Row]) -> list[Column]:
    """Those of all metrics that are of a network, by what it saw, then by kind."""
    keys = {key for row in rows for key in row.metrics if key.split("_")[0] in NETWORK_METRICS}
    return [of_network(key) for key in sorted(keys, key=lambda key: (*key.split("_", 1)[::-1], key))]
