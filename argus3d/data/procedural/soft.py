"""Sofas and beds; lengths in metres, before normalisation."""

import numpy as np

from argus3d.data.procedural.draft import Choices, Draft, article, spread
from argus3d.data.procedural.forms import ball, board, box, plate, post, rod, sheared
from argus3d.data.procedural.solid import Part


def sofa(choose: Choices) -> Draft:
    """A sofa of one to three seats, with or without arms, straight or L-shaped."""
    seats = choose.number(1, 3)
    corner = seats > 1 and choose.chance(0.3)
    arms = choose.one_of(["box", "box", "round", "low", "none"])
    each, depth = choose.between(0.58, 0.75), choose.between(0.75, 0.95)
    width = seats * each
    seat, back = choose.between(0.36, 0.46), choose.between(0.34, 0.48)
    arm = choose.between(0.12, 0.24)
    foot = choose.between(0.05, 0.14)
    thick = choose.between(0.16, 0.24)
    long = depth + choose.between(0.45, 0.7) if corner else depth
    plinth = seat - 0.13
    parts = [board((0.0, (foot + plinth) / 2, 0.0), (width, plinth - foot, depth), 0.03)]
    parts += _sofa_back(choose, width, depth, seat + back, plinth, thick)
    loose = choose.chance(0.7)
    for k, x in enumerate(spread(seats, -(width - each) / 2, (width - each) / 2)):
        reach = long if corner and k == 0 else depth
        parts += _sofa_place(x, each, depth, reach, seat, plinth, foot, thick, back if loose else 0.0)
    if arms != "none":
        parts += _sofa_arms(arms, width, depth, seat, arm, foot, choose.between(0.14, 0.24))
    total = max(width + 2 * arm, long, seat + back)
    radius = choose.between(0.018, 0.026) * total
    x = width / 2 - 1.5 * radius
    front = -depth / 2 + long - 1.5 * radius
    feet = [(-x, front), (x, depth / 2 - 1.5 * radius), (-x, -depth / 2 + 1.5 * radius), (x, -depth / 2 + 1.5 * radius)]
    parts += [post((a, 0.0, b), (a, foot + 0.02, b), radius) for a, b in feet]
    size = {1: "one-seat sofa", 2: "two-seat sofa", 3: "three-seat sofa"}[seats]
    words = f"{'an L-shaped' if corner else 'a'} {size}"
    ending = {"box": "square arms", "round": "round arms", "low": "low arms", "none": "no arms"}[arms]
    return Draft(
        parts,
        f"{words} with {ending}{' and back cushions' if loose else ''}",
        {"seats": seats, "corner": corner, "arms": arms, "cushions": loose},
    )


def _sofa_back(choose: Choices, width: float, depth: float, top: float, low: float, thick: float) -> list[Part]:
    panel = board(
        (0.0, (low + top) / 2, -depth / 2 + thick / 2), (width, top - low, thick), choose.between(0.02, 0.07), "x"
    )
    return [sheared(panel, z_per_y=-choose.between(0.0, 0.2), from_y=low)]


def _sofa_place(
    x: float,
    each: float,
    depth: float,
    reach: float,
    seat: float,
    plinth: float,
    foot: float,
    thick: float,
    cushion: float,
) -> list[Part]:
    back = -depth / 2 + 0.5 * thick
    front = -depth / 2 + reach + 0.02
    gap = 0.03
    parts = [board((x, (plinth + seat) / 2, (back + front) / 2), (each - gap, seat - plinth, front - back), 0.05)]
    if reach > depth:
        parts.append(
            board((x, (foot + plinth) / 2, (reach - depth / 2) / 2), (each, plinth - foot, reach - depth / 2), 0.03)
        )
    if cushion > 0.0:
        body = board(
            (x, seat + 0.46 * cushion, -depth / 2 + 1.2 * thick), (each - 2 * gap, 0.9 * cushion, 0.16), 0.07, "x"
        )
        parts.append(sheared(body, z_per_y=-0.2, from_y=seat))
    return parts


def _sofa_arms(arms: str, width: float, depth: float, seat: float, arm: float, foot: float, rise: float) -> list[Part]:
    parts = []
    top = seat + (0.05 if arms == "low" else rise)
    for side in (-1, 1):
        x = side * (width / 2 + arm / 2)
        parts.append(board((x, (foot + top) / 2, 0.0), (arm, top - foot, depth), 0.03))
        if arms == "round":
            parts.append(rod((x, top, -depth / 2), (x, top, depth / 2), 0.62 * arm))
    return parts


def bed(choose: Choices) -> Draft:
    """A bed with head at -z: single, double or bunk, with boards, mattress and pillows."""
    kind = choose.one_of(["single", "double", "double", "bunk"])
    width = choose.between(1.35, 1.85) if kind == "double" else choose.between(0.85, 1.05)
    length = choose.between(1.9, 2.1)
    stroke = choose.between(0.018, 0.026) * length
    head = choose.one_of(["solid", "slatted", "arched", "low"])
    foot = choose.one_of(["none", "same", "none"])
    level = choose.between(0.24, 0.36)
    parts = _berth(choose, width, length, level, stroke, kind)
    if kind == "bunk":
        gap = choose.between(0.85, 1.0)
        parts += _berth(choose, width, length, level + gap, stroke, kind)
        parts += _bunk_frame(width, length, level, gap, stroke)
        return Draft(parts, "a bunk bed with a ladder", {"kind": kind, "head": "bunk", "foot": "bunk"})
    rise = choose.between(0.45, 0.75) if head != "low" else choose.between(0.2, 0.3)
    parts += _bed_end(choose, head, width, -length / 2, level + rise + 0.1, stroke)
    if foot == "same":
        parts += _bed_end(choose, head, width, length / 2, level + 0.6 * rise, stroke)
    x, z = width / 2 - 1.2 * stroke, length / 2 - 1.2 * stroke
    parts += [post((a, 0.0, b), (a, level, b), 1.2 * stroke) for a in (-x, x) for b in (-z, z)]
    ending = f"{article(head)} headboard" + (" and a footboard" if foot == "same" else "")
    return Draft(parts, f"a {kind} bed with {ending}", {"kind": kind, "head": head, "foot": foot})


def _berth(choose: Choices, width: float, length: float, level: float, stroke: float, kind: str) -> list[Part]:
    frame = choose.between(0.1, 0.2)
    mattress = choose.between(0.14, 0.24)
    top = level + mattress
    parts = [
        board((0.0, level - frame / 4, 0.0), (width, frame, length), 0.02),
        board((0.0, level + mattress / 2, 0.0), (width - 0.06, mattress, length - 0.06), 0.06),
    ]
    places = spread(2 if kind == "double" else 1, -width / 4, width / 4)
    size = (0.2 if kind == "double" else 0.3) * width, 0.07, 0.2
    parts += [ball((x, top + 0.01, -length / 2 + 0.3), (size[0], size[1] + 0.02, size[2])) for x in places]
    if choose.chance(0.5):
        cover = length * choose.between(0.55, 0.68)
        parts.append(board((0.0, top - 0.02, length / 2 - cover / 2 - 0.02), (width + 0.01, 0.11, cover), 0.05))
    return parts


def _bed_end(choose: Choices, style: str, width: float, z: float, top: float, stroke: float) -> list[Part]:
    low = 0.12
    if style in ("solid", "low"):
        return [
            board((0.0, (low + top) / 2, z), (width + 0.04, top - low, 2.2 * stroke), choose.between(0.01, 0.12), "z")
        ]
    if style == "arched":
        turn = np.linspace(0.0, np.pi, 16)
        half = width / 2 + 0.02
        rim = np.stack([half * np.cos(turn), top - 0.25 + 0.25 * np.sin(turn)], 1)
        return [plate(np.concatenate([rim, [[-half, low], [half, low]]]), "z", z - 1.1 * stroke, z + 1.1 * stroke)]
    x = width / 2 - stroke
    parts = [box((a, top / 2, z), (2 * stroke, top, 2 * stroke)) for a in (-x, x)]
    parts += [box((0.0, y, z), (2 * x, 2.4 * stroke, 1.8 * stroke)) for y in (top - 1.2 * stroke, 0.3)]
    bars = spread(choose.number(4, 7) + 2, -x, x)[1:-1]
    return parts + [box((a, (0.3 + top) / 2, z), (1.8 * stroke, top - 0.3, 1.6 * stroke)) for a in bars]


def _bunk_frame(width: float, length: float, level: float, gap: float, stroke: float) -> list[Part]:
    top = level + gap + 0.5
    x, z = width / 2, length / 2
    parts = [box((a, top / 2, b), (2 * stroke, top, 2 * stroke)) for a in (-x, x) for b in (-z, z)]
    for end in (-z, z):
        parts += [
            box((0.0, y, end), (2 * x, 2 * stroke, 1.6 * stroke)) for y in (top - stroke, level + 0.35, top - 0.25)
        ]
    parts += [
        box((-x, top - stroke, 0.0), (1.6 * stroke, 2 * stroke, 2 * z)),
        box((x, top - stroke, -0.2 * length), (1.6 * stroke, 2 * stroke, 0.6 * length)),
    ]
    near, far, out = 0.14 * length, 0.36 * length, x + 0.7 * stroke
    parts += [
        box((out, (level + gap) / 2 + 0.05, at), (1.8 * stroke, level + gap + 0.1, 1.8 * stroke)) for at in (near, far)
    ]
    return parts + [rod((out, y, near), (out, y, far), 0.9 * stroke) for y in spread(4, 0.3, level + gap - 0.1)]
