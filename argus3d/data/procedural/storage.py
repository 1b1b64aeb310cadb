"""Tables, shelves and cabinets; lengths in metres, before normalisation."""

import numpy as np

from argus3d.data.procedural.draft import Choices, Draft, article, spread
from argus3d.data.procedural.forms import ball, beam, board, box, disc, post, rod, turned
from argus3d.data.procedural.solid import Part


def table(choose: Choices) -> Draft:
    """A table: dining, coffee or side, on legs, a pedestal or trestles."""
    kind = choose.one_of(["dining", "dining", "coffee", "side"])
    top = choose.one_of(["round", "oval", "square", "rectangular", "rectangular", "rounded"])
    bases = (
        ["pedestal", "legs", "round legs", "splayed legs"]
        if top == "round"
        else (
            ["legs", "round legs", "splayed legs", "trestle", "panels"]
            + (["pedestal"] if top in ("square", "oval") else [])
        )
    )
    base = choose.one_of(bases)
    width = {"dining": choose.between(1.1, 1.9), "coffee": choose.between(0.9, 1.3), "side": choose.between(0.45, 0.7)}[
        kind
    ]
    if top in ("round", "square"):
        width = min(width, 1.2)
    depth = width if top in ("round", "square") else width * choose.between(0.5, 0.7)
    height = {
        "dining": choose.between(0.7, 0.78),
        "coffee": choose.between(0.34, 0.48),
        "side": choose.between(0.5, 0.7),
    }[kind]
    stroke = choose.between(0.018, 0.028) * max(width, height)
    thick = 2.0 * stroke * choose.between(0.85, 1.2)
    parts = _table_top(top, width, depth, height, thick)
    legged = base.endswith("legs")
    drawer = legged and top not in ("round", "oval") and choose.chance(0.3)
    lower = legged and base != "splayed legs" and choose.chance(0.25)
    inset = 0.66 if top in ("round", "oval") else choose.between(0.8, 0.82 if top == "rounded" else 0.97)
    x, z = inset * width / 2 - stroke, inset * depth / 2 - stroke
    parts += _table_base(choose, base, x, z, min(width, depth), height - 0.5 * thick, stroke)
    if drawer:
        parts += _table_drawer(2 * x, 2 * z, height - thick, stroke)
    if lower:
        parts.append(box((0.0, 0.3 * height, 0.0), (2 * x + stroke, 1.8 * stroke, 2 * z + stroke)))
    on = {"pedestal": "a pedestal", "trestle": "trestles", "panels": "two panels"}.get(base, f"four {base}")
    extra = " and ".join(["a drawer"] * drawer + ["a lower board"] * lower)
    return Draft(
        parts,
        f"{article(f'{top} {kind} table')} on {on}{' with ' * bool(extra)}{extra}",
        {"kind": kind, "top": top, "base": base, "drawer": drawer, "lower": lower},
    )


def _table_top(top: str, width: float, depth: float, height: float, thick: float) -> list[Part]:
    middle = (0.0, height - thick / 2, 0.0)
    if top in ("round", "oval"):
        return [disc(middle, width / 2, thick, depth / width)]
    return [board(middle, (width, thick, depth), 0.3 * depth if top == "rounded" else 0.01 * depth)]


def _table_base(
    choose: Choices, base: str, x: float, z: float, across: float, high: float, stroke: float
) -> list[Part]:
    """The feet : legs at (+-x, +-z) that reach up to `high`; `across` is the shorter side of the top."""
    if base == "pedestal":
        return _table_pedestal(choose, across, high, stroke)
    if base == "trestle":
        return _trestles(choose, 0.8 * x, 0.9 * z, high, stroke)
    if base == "panels":
        parts = [box((a, high / 2, 0.0), (2 * stroke, high, 1.8 * z)) for a in (-0.9 * x, 0.9 * x)]
        return [*parts, box((0.0, 0.6 * high, 0.0), (1.8 * x, 0.25 * high, 1.8 * stroke))]
    splay = choose.between(1.1, 1.2) if base == "splayed legs" else 1.0
    inner = choose.between(0.75, 0.85) if base == "splayed legs" else 1.0
    taper = choose.between(0.75, 1.0)
    ends = [
        ((a * splay * inner, 0.0, b * splay * inner), (a * inner, high, b * inner)) for a in (-x, x) for b in (-z, z)
    ]
    if base == "legs":
        return [beam(foot, head, 2 * taper * stroke, 2 * taper * stroke, 1 / taper) for foot, head in ends]
    return [post(foot, head, taper * stroke, 1 / taper) for foot, head in ends]


def _table_pedestal(choose: Choices, reach: float, high: float, stroke: float) -> list[Part]:
    radius = choose.between(1.3, 2.4) * stroke
    if choose.chance(0.5):
        foot = choose.between(0.26, 0.34) * reach
        return [turned([(foot, 0.0), (foot, stroke), (radius, 2.6 * stroke), (radius, 0.9 * high), (2 * radius, high)])]
    span = choose.between(0.3, 0.38) * reach
    parts = [post((0.0, 0.0, 0.0), (0.0, high, 0.0), radius)]
    turn = np.pi / 4 if choose.chance(0.5) else 0.0
    return parts + [
        rod((0.0, 0.22 * high, 0.0), (span * np.cos(a), stroke, span * np.sin(a)), stroke)
        for a in turn + np.pi / 2 * np.arange(4)
    ]


def _trestles(choose: Choices, x: float, z: float, high: float, stroke: float) -> list[Part]:
    crossed = choose.chance(0.5)
    parts = []
    for side in (-x, x):
        near = z if crossed else 0.25 * z
        parts += [
            beam((side, 0.0, -z), (side, high, near if crossed else -near), 2 * stroke, 2 * stroke),
            beam((side, 0.0, z), (side, high, -near if crossed else near), 2 * stroke, 2 * stroke),
        ]
        if not crossed:
            parts.append(box((side, 0.3 * high, 0.0), (1.8 * stroke, 1.8 * stroke, 1.5 * z)))
    return [*parts, box((0.0, (0.5 if crossed else 0.3) * high, 0.0), (2 * x, 2 * stroke, 1.8 * stroke))]


def _table_drawer(width: float, depth: float, under: float, stroke: float) -> list[Part]:
    tall = 0.16 * under + 1.5 * stroke
    front = depth / 2 + stroke
    body = box((0.0, under - tall / 2, 0.0), (width, tall, depth))
    panel = box((0.0, under - tall / 2, front), (0.6 * width, 0.75 * tall, 2 * stroke))
    return [body, panel, ball((0.0, under - tall / 2, front + 1.5 * stroke), 1.1 * stroke)]


def shelf(choose: Choices) -> Draft:
    """A shelf: bookcase, cubes, open rack on posts, or ladder shelf."""
    kind = choose.one_of(["bookcase", "bookcase", "cubes", "rack", "ladder"])
    width, height = choose.between(0.55, 1.1), choose.between(0.9, 2.0)
    if kind == "cubes":
        width, height = choose.between(0.7, 1.5), choose.between(0.7, 1.5)
    depth = choose.between(0.26, 0.4)
    stroke = choose.between(0.015, 0.021) * max(width, height)
    boards = choose.number(3, 6) if kind != "cubes" else choose.number(3, 4)
    columns = choose.number(2, 3) if kind == "cubes" else 1
    back = kind in ("bookcase", "cubes") and choose.chance(0.6)
    parts = {"rack": _rack, "ladder": _ladder}.get(kind, _bookcase)(width, height, depth, stroke, boards)
    inner = width / 2 - stroke
    parts += [box((x, height / 2, 0.0), (2 * stroke, height, depth)) for x in spread(columns + 1, -inner, inner)[1:-1]]
    if back:
        parts.append(box((0.0, height / 2, -depth / 2 + stroke), (width, height, 2 * stroke)))
    books = choose.chance(0.35) and kind != "ladder"
    if books:
        parts += _books(
            choose, width / columns - (columns + 1) * stroke, height, depth, stroke, boards, -width / 2 + 2 * stroke
        )
    name = {
        "bookcase": "bookcase",
        "cubes": f"cube shelf of {columns} columns",
        "rack": "shelf on four posts",
        "ladder": "ladder shelf",
    }[kind]
    words = (
        f"{article(name)} with {boards} boards" + (" and a back" if back else "") + (", with books" if books else "")
    )
    return Draft(parts, words, {"kind": kind, "boards": boards, "columns": columns, "back": back, "books": books})


def _bookcase(width: float, height: float, depth: float, stroke: float, boards: int) -> list[Part]:
    inner = width / 2 - stroke
    parts = [box((x, height / 2, 0.0), (2 * stroke, height, depth)) for x in (-inner, inner)]
    levels = spread(boards, 2 * stroke, height - stroke)
    return parts + [box((0.0, y, 0.0), (2 * inner, 2 * stroke, depth * 0.98)) for y in levels]


def _rack(width: float, height: float, depth: float, stroke: float, boards: int) -> list[Part]:
    x, z = width / 2 - stroke, depth / 2 - stroke
    parts = [box((a, height / 2, b), (2 * stroke, height, 2 * stroke)) for a in (-x, x) for b in (-z, z)]
    levels = spread(boards, 0.08 * height, 0.96 * height)
    return parts + [box((0.0, y, 0.0), (width - stroke, 1.9 * stroke, depth - stroke)) for y in levels]


def _ladder(width: float, height: float, depth: float, stroke: float, boards: int) -> list[Part]:
    back, front, x = -depth / 2, depth * 0.9, width / 2 - stroke
    parts = []
    for side in (-x, x):
        parts.append(box((side, height / 2, back), (2 * stroke, height, 2 * stroke)))
        parts.append(beam((side, 0.0, front), (side, height, back), 2 * stroke, 2 * stroke))
    for y in spread(boards, 0.1 * height, 0.88 * height):
        reach = front + (back - front) * y / height
        parts.append(box((0.0, y, (back + reach) / 2), (2 * x, 2 * stroke, reach - back + stroke)))
    return parts


def _books(
    choose: Choices, width: float, height: float, depth: float, stroke: float, boards: int, left: float
) -> list[Part]:
    levels = spread(boards, 2 * stroke, height - stroke)
    gap = levels[1] - levels[0] - 2 * stroke
    parts = []
    for level in levels[:-1]:
        if choose.chance(0.7):
            run, tall = width * choose.between(0.25, 0.7), gap * choose.between(0.55, 0.8)
            parts.append(box((left + run / 2, level + tall / 2, -0.05 * depth), (run, tall + 2 * stroke, 0.8 * depth)))
    return parts


def cabinet(choose: Choices) -> Draft:
    """A cabinet with doors or drawers: wardrobe, sideboard, night stand, chest of drawers."""
    kind = choose.one_of(["wardrobe", "sideboard", "night stand", "chest of drawers", "cupboard"])
    low, high = {
        "wardrobe": ((0.9, 1.7, 0.5), (1.5, 2.1, 0.6)),
        "sideboard": ((1.2, 0.65, 0.38), (1.8, 0.85, 0.48)),
        "night stand": ((0.4, 0.45, 0.35), (0.55, 0.62, 0.42)),
        "chest of drawers": ((0.7, 0.75, 0.4), (1.1, 1.1, 0.5)),
        "cupboard": ((0.7, 1.1, 0.35), (1.0, 1.6, 0.45)),
    }[kind]
    width, height, depth = (choose.between(a, b) for a, b in zip(low, high, strict=True))
    unit = max(width, height)
    foot = choose.one_of(["legs", "plinth", "legs"])
    lift = unit * (choose.between(0.05, 0.14) if foot == "legs" else choose.between(0.03, 0.05))
    stroke = choose.between(0.016, 0.022) * unit
    parts = [box((0.0, (lift + height) / 2, 0.0), (width, height - lift, depth))]
    parts += _cabinet_feet(choose, foot, width, depth, lift, stroke)
    if choose.chance(0.5):
        parts.append(
            box((0.0, height + 0.9 * stroke, 0.01 * unit), (width + 1.6 * stroke, 1.8 * stroke, depth + 1.6 * stroke))
        )
    grid = {
        "wardrobe": (choose.number(2, 3), 1),
        "sideboard": (choose.number(2, 4), 1),
        "night stand": (1, choose.number(1, 3)),
        "chest of drawers": (choose.number(1, 2), choose.number(3, 5)),
        "cupboard": (2, choose.number(1, 2)),
    }[kind]
    handle = choose.one_of(["knobs", "bars"])
    doors = kind in ("wardrobe", "sideboard", "cupboard")
    parts += _fronts(grid, doors, handle, width, lift, height, depth / 2, unit, stroke)
    count = grid[0] * grid[1]
    what = ("door" if doors else "drawer") + ("" if count == 1 else "s")
    return Draft(
        parts,
        f"{article(kind)} with {count} {what} and {handle}, on {'legs' if foot == 'legs' else 'a plinth'}",
        {"kind": kind, "foot": foot, "handles": handle, "fronts": count},
    )


def _cabinet_feet(choose: Choices, foot: str, width: float, depth: float, lift: float, stroke: float) -> list[Part]:
    if foot == "plinth":
        return [box((0.0, lift / 2, -0.01), (width - 3 * stroke, lift, depth - 3 * stroke))]
    x, z = width / 2 - 1.5 * stroke, depth / 2 - 1.5 * stroke
    splay = choose.between(-0.5, 0.5) * stroke
    ends = [((a + np.sign(a) * splay, 0.0, b), (a, lift, b)) for a in (-x, x) for b in (-z, z)]
    if choose.chance(0.5):
        return [post(bottom, top, 0.9 * stroke, 1.3) for bottom, top in ends]
    return [beam(bottom, top, 1.8 * stroke, 1.8 * stroke, 1.2) for bottom, top in ends]


def _fronts(
    grid: tuple[int, int],
    doors: bool,
    handle: str,
    width: float,
    low: float,
    high: float,
    front: float,
    unit: float,
    stroke: float,
) -> list[Part]:
    columns, rows = grid
    gap, proud = 0.026 * unit, 0.03 * unit
    w, h = (width - gap * (columns + 1)) / columns, (high - low - gap * (rows + 1)) / rows
    parts = []
    for i in range(columns):
        for j in range(rows):
            x, y = -width / 2 + gap + w / 2 + i * (w + gap), low + gap + h / 2 + j * (h + gap)
            parts.append(box((x, y, front), (w, h, 2 * proud)))
            side = 0.36 * w * (1 if i % 2 == 0 else -1) if doors else 0.0
            parts += _handle(handle, doors, (x + side, y, front + proud), w, h, stroke)
    return parts


def _handle(handle: str, doors: bool, at: tuple[float, float, float], w: float, h: float, stroke: float) -> list[Part]:
    x, y, z = at
    if handle == "knobs":
        return [ball((x, y, z + 0.7 * stroke), 1.1 * stroke)]
    if doors:
        return [box((x, y, z), (1.8 * stroke, 0.3 * h, 3.0 * stroke))]
    return [box((x, y, z), (0.4 * w, 1.8 * stroke, 3.0 * stroke))]
