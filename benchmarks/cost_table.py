"""The cost tables of README and docs from `reports/results/bench-*.json`: `python -m benchmarks.cost_table`."""

import json
import sys
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "reports" / "results"
COVERED = {"mmd": "MMD", "cov": "COV", "one_nna": "1-NNA", "ecd": "ECD, k = 10", "ecd1": "ECD, k = 1"}


def summary_table(results: Path = RESULTS) -> str:
    """Markdown of the few numbers that README shows, from the same measurements as the others."""
    names = ("sampling", "meshing", "metrics", "prepare", "training")
    sampling, meshing, metrics, prepare, training = (_read(results / f"bench-{name}.json") for name in names)
    tokens = sampling["cached_against_released_way"]["nano, 400 tokens"]
    mesh = next(line for line in meshing["lines"] if "chair" in line["shape"])
    pairs, sets, assigned, large = (metrics[part] for part in ("all_pairs", "set_metrics", "one_emd", "large"))
    prepared = prepare["defaults"]["together"]
    machine = sampling["conditions"]
    rows = [
        ("nano: class to mesh", f"{sampling['nano']['class to mesh']['shapes_per_second']:.1f} shapes a second", ""),
        (f"nano: tokens of {tokens['batch_size']} shapes", _seconds(_median(tokens["seconds"])),
         f"{tokens['ratio']:.0f} times as fast as the released way, same tokens"),
        ("nano: planes to mesh, 128 cells", _seconds(mesh["ways"]["ours"]["seconds"]),
         f"{mesh['ratios']['released to ours']:.0f} times as fast as the released way, no vertex lost"),
        ("200 x 200 Chamfer distances", _seconds(pairs["ours"]["median"]), _against(pairs)),
        ("COV, MMD, 1-NNA, ECD of 1,000 + 1,000 clouds", _seconds(sets["ours"]["median"]), _against(sets)),
        ("the same of 10,000 + 10,000", _seconds(large["seconds"]),
         f"{large['peak_gigabytes_of_the_process']['value']:g} GB of memory"),
        ("one exact EMD, 2,048 points", _seconds(assigned["ours"]["median"]), _against(assigned)),
        ("prepare a mesh, occupancy included", f"{prepared['ours']['meshes_per_second']:.0f} a second",
         f"{prepared['trimesh']['ratio']:.0f} times trimesh's"),
        ("training nano on one thread, stages 1 and 2",
         f"{_rate(training, 'autoencoder')} and {_rate(training, 'transformer')}",
         f"{_share(training, 'autoencoder')} and {_share(training, 'transformer')} of a bare loop's speed"),
    ]  # fmt: skip
    return "\n".join([
        f"On {machine['cores']} cores ({machine['device']}), no GPU:", "",
        "| what | cost | beside |", "| --- | --- | --- |", *(f"| {' | '.join(row)} |" for row in rows),
    ])  # fmt: skip


def _against(part: dict[str, Any]) -> str:
    """The first peer of a part of the metrics' report, the strongest that there is."""
    name, peer = next(iter(part["peers"].items()))
    scaled = " (scaled)" if "scaled" in peer["measured"] else ""
    return f"{peer['ratio']:.3g} times as fast as {name.split(',')[0]}{scaled}"


def _rate(training: dict[str, Any], stage: str) -> str:
    return f"{1000 * _median(training['nano'][stage]['seconds_a_step']['ours']):.0f} ms a step"


def _share(training: dict[str, Any], stage: str) -> str:
    return f"{100 * training['nano'][stage]['ratio']:.0f} %"


def cost_table(results: Path = RESULTS) -> str:
    """Markdown of what was measured, each number beside what it stands against."""
    sampling, meshing, imports = (_read(results / f"bench-{name}.json") for name in ("sampling", "meshing", "import"))
    both, nano = sampling["cached_against_released_way"], sampling["nano"]
    small, whole = both["small width, 1,024 tokens"], both["nano, 400 tokens"]
    rows = [
        ("1,024 tokens, width 64, one shape", _seconds(_median(small["seconds"])),
         f"{small['ratio']:.0f} times as fast as the released way, same tokens"),
        ("nano: tokens of 16 shapes", _seconds(_median(whole["seconds"])),
         f"{whole['ratio']:.0f} times as fast as the released way, same tokens"),
        ("nano: class to mesh of 64 cells", f"{nano['class to mesh']['shapes_per_second']:.1f} shapes a second", ""),
    ]  # fmt: skip
    rows += [_mesh_row(line) for line in meshing["lines"]]
    rows += [_import_row(row) for row in imports["rows"] if "bfloat16" in row["what"]]
    table = ["| step | cost | beside |", "| --- | --- | --- |", *(f"| {' | '.join(row)} |" for row in rows)]
    machine = sampling["conditions"]
    return "\n".join([
        f"Measured on {machine['cores']} cores ({machine['device']}), no GPU, each pair in turn (`make bench`,",
        "`reports/results/bench-*.json`). The released way is the original's, written plainly in `tests/reference/`:",
        "everything computed again at every step; adaptive refinement point by point.",
        "", *table, "",
        *_gpu(results),
    ])  # fmt: skip


def _mesh_row(line: dict[str, Any]) -> tuple[str, str, str]:
    """Planes to a mesh of one shape."""
    ratio, surface = line["ratios"]["released to ours"], line["surface"]
    same = surface["vertices of dense missed"] == 0 and surface["vertices not of dense"] == 0
    beside = f"{ratio:.1f} times as fast as the released way, {line['ratios']['dense to ours']:.1f} as the dense grid"
    return (
        f"planes to mesh, 128 cells: {line['shape']}", _seconds(line["ways"]["ours"]["seconds"]),
        beside + ("; its every vertex" if same else ""),
    )  # fmt: skip


def _import_row(row: dict[str, Any]) -> tuple[str, str, str]:
    cost = f"{row['seconds']:.0f} s, {row['peak'] / 1e9:.1f} GB of memory"
    beside = f"{row['ratio']:.2f} times the files of {row['file_bytes'] / 1e9:.1f} GB"
    return f"released sizes, random weights: {row['what']}", cost, beside


def _gpu(results: Path) -> list[str]:
    """The targets of the released sizes on one card, or that they were not measured."""
    path = results / "bench-gpu.json"
    if not path.exists():
        return [
            "On a GPU nothing was measured yet: no card was at hand. `bash benchmarks/gpu.sh` measures the released",
            "sizes at batch 1, 16 and 64 beside the bandwidth of the card and the released way, for this table.",
        ]  # fmt: skip
    report = _read(path)
    rows = [
        f"| {row['what']} | {row['measured']:g} | {'at most' if 'at_most' in row else 'at least'} "
        f"{row.get('at_most', row.get('at_least')):g} |"
        for row in report["targets"]
    ]
    device = report["conditions"]["device"]
    return [f"On one {device}: the released sizes with random weights in bfloat16, and distances:", "",
            "| what | measured | asked |", "| --- | --- | --- |", *rows]  # fmt: skip


def metrics_table(results: Path = RESULTS) -> str:
    """Markdown of what metrics and distances cost beside each peer."""
    report = _read(results / "bench-metrics.json")
    parts = [report[part] for part in ("all_pairs", "set_metrics", "one_emd", "one_nna_emd")]
    rows = [row for part in parts for row in _peer_rows(part)]
    rows += _large_row(report["large"]) if "large" in report else []
    machine = parts[0]["conditions"]
    return "\n".join([
        f"Measured on {machine['cores']} cores ({machine['device']}), no GPU, ours and theirs in turn, same answers",
        "checked (`python -m benchmarks.metrics`, `reports/results/bench-metrics.json`). Scaled: measured on a part,",
        "since all of it takes hours.",
        "", "| what | ours | beside | theirs | times as fast | asked |", "| --- | --- | --- | --- | --- | --- |", *rows,
    ])  # fmt: skip


def data_table(results: Path = RESULTS) -> str:
    """Markdown of what preparing and reading shapes costs, and what that makes of a million."""
    prepare, reading, engine = (_read(results / f"bench-{name}.json") for name in ("prepare", "reading", "engine"))
    rows = []
    for settings, queries in (("defaults", "12,288"), ("100,000 uniform queries", "100,000")):
        for source, both in prepare[settings].items():
            ours, theirs = both["ours"], both["trimesh"]
            rows.append(
                f"| prepare, {queries} uniform queries: {'both' if source == 'together' else source} "
                f"| {ours['meshes_per_second']:.1f} meshes a second | {theirs['ratio']:.0f} times trimesh's "
                f"| {ours['at_least']:g}, {theirs['at_least']:g} times |"
            )
    read = {name: _median(rates) for name, rates in reading["shapes_per_second"].items()}
    rows.append(
        f"| read 2,048 + 2,048 points of {reading['shapes']:,} packed shapes, {reading['workers']} workers "
        f"| {read['in memory']:,.0f} shapes a second | {read['from the disk']:,.0f} from the disk "
        f"| {reading['asked']} |"
    )
    nodes = engine["overhead"]["two nodes beside one"]
    rows.append(
        f"| two Ray nodes of one core beside one of two | {100 * nodes['seconds']:+.1f} % of the time | same bytes "
        f"| below {100 * nodes['asked']:+.0f} % |"
    )
    machine = prepare["conditions"]
    return "\n".join([
        f"Measured on {machine['cores']} cores ({machine['device']}) without pictures, from the first result to the",
        "last; trimesh on a few meshes (`reports/results/bench-prepare.json`, `bench-reading.json`,",
        "`bench-engine.json`):",
        "", "| what | ours | beside | asked |", "| --- | --- | --- | --- |", *rows, "",
        *_million(prepare["defaults"]["household"]["ours"]["meshes_per_second"], reading),
    ])  # fmt: skip


def _million(rate: float, reading: dict[str, Any]) -> list[str]:
    """900,000 objects on 100 nodes, by arithmetic."""
    hours, size = 900_000 / rate / 3600, reading["bytes"] / reading["shapes"]
    return [
        f"On paper, 900,000 objects at the rate of household, by cores: {hours:.0f} node-hours of 2 cores,",
        f"{60 * hours / 100:.0f} minutes on 100 such nodes, about ${0.1 * hours:.0f} at an assumed $0.10 a node-hour;"
        f" {900_000 * size / 1e12:.2f} TB, which",
        f"storage has to take at {900_000 * size / (36 * hours) / 1e9:.1f} GB/s meanwhile.",
    ]


def coverage_table(results: Path = RESULTS) -> str:
    """Markdown of how often intervals of two sets of one distribution hold the metric's mean, by simulation."""
    cells = [cell for cell in _read(results / "interval-coverage.json")["cells"] if cell["same"]]
    sizes = sorted({cell["size"] for cell in cells})
    rows = []
    for key, title in COVERED.items():
        found = {size: [c["metrics"][key]["covered_percent"] for c in cells if c["size"] == size] for size in sizes}
        rows.append([title, *(f"{min(shares):.1f} – {max(shares):.1f}" for shares in found.values())])
    worlds = len({cell["distribution"] for cell in cells})
    return "\n".join([
        f"How often 95 % intervals hold the mean, in %, least and most of {worlds} distributions",
        "(`python -m benchmarks.interval_coverage`, up to 1,000 pairs of sets each, so -+ 0.7 to 1.2):",
        "", f"| | {' | '.join(f'n = {size}' for size in sizes)} |", "| --- |" + " --- |" * len(sizes),
        *(f"| {' | '.join(row)} |" for row in rows),
    ])  # fmt: skip


def _large_row(part: dict[str, Any]) -> list[str]:
    """The largest sets, which have no peer."""
    memory = part["peak_gigabytes_of_the_process"]
    sources = " and ".join(f"{count:,} {name}" for name, count in part["sources"].items() if count)
    return [
        f"| {part['what']}, of {sources} shapes | {_seconds(part['seconds'])}, {memory['value']:g} GB of memory "
        f"| | | | at most {memory['at_most']} GB |"
    ]


def _peer_rows(part: dict[str, Any]) -> list[str]:
    """A line for each peer of a part of the metrics' report."""
    ours = _seconds(part["ours"]["median"])
    sources = " and ".join(f"{count:,} {name}" for name, count in part["sources"].items() if count)
    return [
        f"| {part['what']}, of {sources} shapes | {ours} | {name}{', scaled' if 'scaled' in peer['measured'] else ''} "
        f"| {_seconds(peer['median'])} | {peer['ratio']:g} | {peer.get('at_least', '')} |"
        for name, peer in part["peers"].items()
    ]


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _seconds(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f} s"
    return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.0f} ms"


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def replaced(text: str, table: str, name: str = "cost") -> str:
    """`text` with `table` between the markers of its name. Raises: ValueError when they are missing."""
    opening, closing = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, begin, rest = text.partition(opening)
    _, end, after = rest.partition(closing)
    if not begin or not end:
        raise ValueError(f"the text has no {opening} and {closing}.")
    return f"{before}{opening}\n{table}\n{closing}{after}"


ROOT = Path(__file__).parents[1]
PLACES = {
    ROOT / "README.md": {"summary-cost": summary_table},
    ROOT / "docs" / "cost.md": {"cost": cost_table, "metrics-cost": metrics_table, "data-cost": data_table},
    ROOT / "docs" / "measure.md": {"coverage": coverage_table},
}


def main() -> int:
    """Write each table where its markers are."""
    for path, tables in PLACES.items():
        text = path.read_text()
        for name, table in tables.items():
            text = replaced(text, table(), name)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
