"""Chairs and stools; lengths in metres, before normalisation."""

import numpy as np

from argus3d.data.procedural.draft import Choices, Draft, article, spread
from argus3d.data.procedural.forms import arc_ribbon, ball, beam, board, box, disc, plate, post, rod, sheared, turned
from argus3d.data.procedural.solid import Part


def chair(choose: Choices) -> Draft:
    """A chair or, without a back, a stool; 4 legs, pedestal or sled."""
    stool = choose.chance(0.15)
    back = "none" if stool else choose.one_of(["solid", "slatted", "rungs", "curved", "open"])
    base = choose.one_of(["legs", "legs", "round legs", "splayed legs", "pedestal", "star", "sled"])
    arms = not stool and choose.chance(0.35)
    shape = choose.one_of(["square", "rounded", "round"] if stool else ["square", "rounded", "tapered"])
    width = choose.between(0.32, 0.42) if stool else choose.between(0.42, 0.56)
    depth = width if shape == "round" else width * choose.between(0.9, 1.05)
    height = choose.between(0.45, 0.78) if stool else choose.between(0.40, 0.48)
    rise = 0.0 if stool else choose.between(0.36, 0.58)
    stroke = choose.between(0.017, 0.024) * (height + rise)
    thick = choose.between(1.8, 4.5) * stroke
    parts = _chair_seat(shape, width, depth, height, thick)
    parts += _chair_base(choose, base, width, depth, height - thick, stroke)
    lean = choose.between(0.05, 0.28)
    if not stool:
        parts += _chair_back(choose, back, width, depth, height, rise, stroke, lean)
    if arms:
        parts += _chair_arms(choose, width, depth, height, rise, stroke, lean)
    kind = "stool" if stool else "armchair" if arms else "chair"
    words = {"none": "", "open": " and an open back"}.get(
        back, f" and {article(back)} back".replace("a rungs", "a ladder")
    )
    on = {
        "legs": "four legs",
        "round legs": "four round legs",
        "splayed legs": "four splayed legs",
        "pedestal": "a pedestal",
        "star": "a star foot",
        "sled": "a sled base",
    }[base]
    adjective = {"square": "square ", "round": "round ", "rounded": "", "tapered": ""}[shape] if stool else ""
    return Draft(
        parts,
        f"{article(adjective + kind)} with {on}{words}",
        {"kind": kind, "base": base, "back": back, "arms": arms, "seat": shape},
    )


def _chair_seat(shape: str, width: float, depth: float, height: float, thick: float) -> list[Part]:
    middle = height - thick / 2.0
    if shape == "round":
        return [disc((0.0, middle, 0.0), width / 2.0, thick)]
    if shape == "tapered":
        back, front, half = 0.41 * width, 0.5 * width, depth / 2.0
        return [
            plate(np.array([[-back, -half], [back, -half], [front, half], [-front, half]]), "y", height - thick, height)
        ]
    return [board((0.0, middle, 0.0), (width, thick, depth), 0.02 * width if shape == "square" else 0.25 * width)]


def _chair_base(choose: Choices, base: str, width: float, depth: float, top: float, stroke: float) -> list[Part]:
    x, z = 0.41 * width - stroke, 0.46 * depth - stroke
    corners = [(-x, -z), (x, -z), (x, z), (-x, z)]
    if base in ("pedestal", "star"):
        return _pedestal(base, 0.5 * width, top, stroke)
    if base == "sled":
        parts = []
        for side in (-x, x):
            parts += [beam((side, 0.0, end), (side, top, end), 2 * stroke, 2 * stroke) for end in (-z, z)]
            parts.append(box((side, stroke, 0.0), (2 * stroke, 2 * stroke, 2 * z + 2 * stroke)))
        return parts
    splay = 1.0 + (choose.between(0.15, 0.35) if base == "splayed legs" else 0.0)
    taper = choose.between(0.75, 1.0)
    parts = []
    for a, b in corners:
        foot, head = (a * splay, 0.0, b * splay), (a, top, b)
        thin, wide = 2 * stroke * taper, 2 * stroke
        parts.append(
            beam(foot, head, thin, thin, wide / thin)
            if base == "legs"
            else post(foot, head, stroke * taper, 1.0 / taper)
        )
    if base != "splayed legs" and choose.chance(0.4):
        level = top * choose.between(0.25, 0.5)
        parts += [rod((side, level, -z), (side, level, z), 0.85 * stroke) for side in (-x, x)]
        parts.append(rod((-x, level, 0.0), (x, level, 0.0), 0.85 * stroke))
    return parts


def _pedestal(base: str, reach: float, top: float, stroke: float) -> list[Part]:
    column = post((0.0, 0.0, 0.0), (0.0, top, 0.0), 1.5 * stroke)
    if base == "pedestal":
        return [column, turned([(0.9 * reach, 0.0), (0.9 * reach, stroke), (1.5 * stroke, 3.0 * stroke)])]
    parts = [column]
    for angle in np.radians(90.0 + 72.0 * np.arange(5)):
        x, z = reach * np.cos(angle), reach * np.sin(angle)
        parts += [rod((0.0, 3.2 * stroke, 0.0), (x, 2.2 * stroke, z), stroke), ball((x, 1.3 * stroke, z), 1.3 * stroke)]
    return parts


def _chair_back(
    choose: Choices, back: str, width: float, depth: float, seat: float, rise: float, stroke: float, lean: float
) -> list[Part]:
    x, z, top = 0.41 * width - stroke, -0.5 * depth + stroke, seat + rise
    if back == "curved":
        radius = 0.55 * width
        ribbon = arc_ribbon(radius, 2 * stroke, 205.0, 335.0)
        strip = plate(ribbon, "y", seat - stroke, top, (0.0, 0.0, z + radius))
        return [sheared(strip, z_per_y=-lean, from_y=seat)]
    if back == "solid":
        low = seat - stroke if choose.chance(0.6) else seat + 0.25 * rise
        panel = board(
            (0.0, (low + top) / 2.0, z), (0.84 * width, top - low, 2 * stroke), choose.between(0.01, 0.3) * width, "z"
        )
        posts = [
            box((side, (seat + low) / 2.0, z), (2 * stroke, low - seat + 2 * stroke, 2 * stroke))
            for side in (-x / 2, x / 2)
        ]
        upright = [panel] if low < seat else [panel, *posts]
        return [sheared(part, z_per_y=-lean, from_y=seat) for part in upright]
    parts = [
        box((side, (seat + top) / 2.0 - stroke, z), (2 * stroke, rise + 2 * stroke, 2 * stroke)) for side in (-x, x)
    ]
    rail = choose.between(0.12, 0.22) * rise
    parts.append(board((0.0, top - rail / 2.0, z), (2 * x + 2 * stroke, rail, 1.8 * stroke), 0.3 * rail, "z"))
    if back == "slatted":
        inner = spread(choose.number(2, 4) + 2, -x, x)[1:-1]
        parts += [box((at, seat + rise / 2.0, z), (1.8 * stroke, rise - stroke, 1.6 * stroke)) for at in inner]
    if back == "rungs":
        levels = spread(choose.number(2, 3) + 2, seat, top - rail)[1:-1]
        parts += [box((0.0, level, z), (2 * x, 0.09 * rise + stroke, 1.6 * stroke)) for level in levels]
    return [sheared(part, z_per_y=-lean, from_y=seat) for part in parts]


def _chair_arms(
    choose: Choices, width: float, depth: float, seat: float, rise: float, stroke: float, lean: float
) -> list[Part]:
    x = 0.5 * width - 0.5 * stroke
    level = seat + min(0.5 * rise, choose.between(0.18, 0.25))
    front, back = 0.32 * depth, -0.5 * depth + stroke - lean * (level - seat)
    parts = []
    for side in (-x, x):
        rest = (2.4 * stroke, 1.8 * stroke, front - back + 2 * stroke)
        parts.append(board((side, level, (front + back) / 2.0), rest, stroke))
        parts.append(
            box((side, (seat + level) / 2.0 - stroke, front), (2 * stroke, level - seat + 2 * stroke, 2 * stroke))
        )
    return parts
