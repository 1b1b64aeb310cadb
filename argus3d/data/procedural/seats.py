"""Chairs, sofas and beds; lengths in metres, before normalisation."""

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
    words = {"none": "", "open": " and an open back"}.get(back, f" and {article(back)} back".replace("a rungs", "a ladder"))
    on = {"legs": "four legs", "round legs": "four round legs", "splayed legs": "four splayed legs",
          "pedestal": "a pedestal", "star": "a star foot", "sled": "a sled base"}[base]
    adjective = {"square": "square ", "round": "round ", "rounded": "", "tapered": ""}[shape] if stool else ""
    return Draft(parts, f"{article(adjective + kind)} with {on}{words}",
                 {"kind": kind, "base": base, "back": back, "arms": arms, "seat": shape})


def _chair_seat(shape: str, width: float, depth: float, height: float, thick: float) -> list[Part]:
    middle = height - thick / 2.0
    if shape == "round":
        return [disc((0.0, middle, 0.0), width / 2.0, thick)]
    if shape == "tapered":
        back, front, half = 0.41 * width, 0.5 * width, depth / 2.0
        return [plate(np.array([[-back, -half], [back, -half], [front, half], [-front, half]]), "y", height - thick, height)]
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
        parts.append(beam(foot, head, thin, thin, wide / thin) if base == "legs"
                     else post(foot, head, stroke * taper, 1.0 / taper))
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


def _chair_back(choose: Choices, back: str, width: float, depth: float, seat: float, rise: float, stroke: float,
                lean: float) -> list[Part]:
    x, z, top = 0.41 * width - stroke, -0.5 * depth + stroke, seat + rise
    if back == "curved":
        radius = 0.55 * width
        ribbon = arc_ribbon(radius, 2 * stroke, 205.0, 335.0)
        strip = plate(ribbon, "y", seat - stroke, top, (0.0, 0.0, z + radius))
        return [sheared(strip, z_per_y=-lean, from_y=seat)]
    if back == "solid":
        low = seat - stroke if choose.chance(0.6) else seat + 0.25 * rise
        panel = board((0.0, (low + top) / 2.0, z), (0.84 * width, top - low, 2 * stroke), choose.between(0.01, 0.3) * width, "z")
        posts = [box((side, (seat + low) / 2.0, z), (2 * stroke, low - seat + 2 * stroke, 2 * stroke)) for side in (-x / 2, x / 2)]
        upright = [panel] if low < seat else [panel, *posts]
        return [sheared(part, z_per_y=-lean, from_y=seat) for part in upright]
    parts = [box((side, (seat + top) / 2.0 - stroke, z), (2 * stroke, rise + 2 * stroke, 2 * stroke)) for side in (-x, x)]
    rail = choose.between(0.12, 0.22) * rise
    parts.append(board((0.0, top - rail / 2.0, z), (2 * x + 2 * stroke, rail, 1.8 * stroke), 0.3 * rail, "z"))
    if back == "slatted":
        inner = spread(choose.number(2, 4) + 2, -x, x)[1:-1]
        parts += [box((at, seat + rise / 2.0, z), (1.8 * stroke, rise - stroke, 1.6 * stroke)) for at in inner]
    if back == "rungs":
        levels = spread(choose.number(2, 3) + 2, seat, top - rail)[1:-1]
        parts += [box((0.0, level, z), (2 * x, 0.09 * rise + stroke, 1.6 * stroke)) for level in levels]
    return [sheared(part, z_per_y=-lean, from_y=seat) for part in parts]


def _chair_arms(choose: Choices, width: float, depth: float, seat: float, rise: float, stroke: float,
                lean: float) -> list[Part]:
    x = 0.5 * width - 0.5 * stroke
    level = seat + min(0.5 * rise, choose.between(0.18, 0.25))
    front, back = 0.32 * depth, -0.5 * depth + stroke - lean * (level - seat)
    parts = []
    for side in (-x, x):
        rest = (2.4 * stroke, 1.8 * stroke, front - back + 2 * stroke)
        parts.append(board((side, level, (front + back) / 2.0), rest, stroke))
        parts.append(box((side, (seat + level) / 2.0 - stroke, front), (2 * stroke, level - seat + 2 * stroke, 2 * stroke)))
    return parts


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
    size = {1: "armchair sofa", 2: "two-seat sofa", 3: "three-seat sofa"}[seats]
    words = f"{'an L-shaped' if corner else 'an' if seats == 1 else 'a'} {size}"
    ending = {"box": "square arms", "round": "round arms", "low": "low arms", "none": "no arms"}[arms]
    return Draft(parts, f"{words} with {ending}{' and back cushions' if loose else ''}",
                 {"seats": seats, "corner": corner, "arms": arms, "cushions": loose})


def _sofa_back(choose: Choices, width: float, depth: float, top: float, low: float, thick: float) -> list[Part]:
    panel = board((0.0, (low + top) / 2, -depth / 2 + thick / 2), (width, top - low, thick), choose.between(0.02, 0.07), "x")
    return [sheared(panel, z_per_y=-choose.between(0.0, 0.2), from_y=low)]


def _sofa_place(x: float, each: float, depth: float, reach: float, seat: float, plinth: float, foot: float, thick: float,
                cushion: float) -> list[Part]:
    back = -depth / 2 + 0.5 * thick
    front = -depth / 2 + reach + 0.02
    gap = 0.03
    parts = [board((x, (plinth + seat) / 2, (back + front) / 2), (each - gap, seat - plinth, front - back), 0.05)]
    if reach > depth:
        parts.append(board((x, (foot + plinth) / 2, (reach - depth / 2) / 2), (each, plinth - foot, reach - depth / 2), 0.03))
    if cushion > 0.0:
        body = board((x, seat + 0.46 * cushion, -depth / 2 + 1.2 * thick), (each - 2 * gap, 0.9 * cushion, 0.16), 0.07, "x")
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
    parts = [board((0.0, level - frame / 4, 0.0), (width, frame, length), 0.02),
             board((0.0, level + mattress / 2, 0.0), (width - 0.06, mattress, length - 0.06), 0.06)]
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
        return [board((0.0, (low + top) / 2, z), (width + 0.04, top - low, 2.2 * stroke), choose.between(0.01, 0.12), "z")]
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
        parts += [box((0.0, y, end), (2 * x, 2 * stroke, 1.6 * stroke)) for y in (top - stroke, level + 0.35, top - 0.25)]
    parts += [box((-x, top - stroke, 0.0), (1.6 * stroke, 2 * stroke, 2 * z)),
              box((x, top - stroke, -0.2 * length), (1.6 * stroke, 2 * stroke, 0.6 * length))]
    near, far, out = 0.14 * length, 0.36 * length, x + 0.7 * stroke
    parts += [box((out, (level + gap) / 2 + 0.05, at), (1.8 * stroke, level + gap + 0.1, 1.8 * stroke)) for at in (near, far)]
    return parts + [rod((out, y, near), (out, y, far), 0.9 * stroke) for y in spread(4, 0.3, level + gap - 0.1)]
