"""Cars and airplanes, nose at +z; lengths relative to the whole, before normalisation."""

import numpy as np

from argus3d.data.procedural.draft import Choices, Draft, article
from argus3d.data.procedural.forms import ball, box, plate, rod, sheared, smooth_profile, turned
from argus3d.data.procedural.primitives import Prism, counter_clockwise
from argus3d.data.procedural.solid import Part

_CARS = {  # roof line as shares of length (0 tail, 1 nose): (rear foot, rear top, front top, front foot), height share
    "sedan": ((0.12, 0.28, 0.58, 0.74), 0.30),
    "hatchback": ((0.02, 0.10, 0.58, 0.76), 0.34),
    "estate": ((0.01, 0.05, 0.60, 0.76), 0.31),
    "off-road car": ((0.02, 0.05, 0.58, 0.70), 0.40),
    "van": ((0.01, 0.02, 0.72, 0.93), 0.44),
    "pickup": ((0.40, 0.43, 0.62, 0.75), 0.36),
    "sports car": ((0.10, 0.34, 0.52, 0.72), 0.25),
}


def car(choose: Choices) -> Draft:
    """A car with body, cabin and four wheels."""
    kind = choose.one_of(list(_CARS))
    roof, height = _CARS[kind]
    height *= choose.between(0.93, 1.07)
    width = choose.between(0.38, 0.44)
    wheel = choose.between(0.078, 0.092) * (1.2 if kind == "off-road car" else 1.0)
    clear = 0.6 * wheel
    belt = clear + (height - clear) * choose.between(0.5, 0.58)
    nose = clear + (belt - clear) * choose.between(0.7, 0.9)
    tail = belt if kind not in ("sports car", "sedan") else clear + (belt - clear) * choose.between(0.85, 1.0)
    parts = [_car_body(roof, width, clear, belt, nose, tail), *_car_cabin(choose, roof, width, belt, height)]
    if kind == "pickup":
        parts[0:1] = _pickup_body(roof, width, clear, belt, nose)
    axles = (-0.5 + choose.between(0.17, 0.2), 0.5 - choose.between(0.17, 0.2))
    thick = choose.between(0.06, 0.08)
    for z in axles:
        for side in (-1.0, 1.0):
            outer = side * (width / 2 + 0.018)
            parts.append(rod((outer - side * thick, wheel, z), (outer, wheel, z), wheel))
    wing = kind == "sports car" and choose.chance(0.5)
    if wing:
        parts.append(box((0.0, belt + 0.05, -0.46), (0.9 * width, 0.03, 0.07)))
        parts += [box((x, belt + 0.01, -0.45), (0.035, 0.1, 0.05)) for x in (-0.3 * width, 0.3 * width)]
    rack = kind in ("estate", "off-road car") and choose.chance(0.3)
    if rack:
        middle = (roof[1] + roof[2]) / 2 - 0.5
        parts += [box((x, height + 0.01, middle), (0.032, 0.04, 0.4)) for x in (-0.3 * width, 0.3 * width)]
    words = {"estate": "estate car", "pickup": "pickup truck"}.get(kind, kind)
    extra = " with a rear wing" if wing else " with roof rails" if rack else ""
    return Draft(parts, f"{article(words)}{extra}", {"kind": kind, "wing": wing, "rails": rack})


def _car_body(roof: tuple[float, ...], width: float, clear: float, belt: float, nose: float, tail: float) -> Part:
    rear, front = roof[0] - 0.5, roof[3] - 0.5
    top = [
        (-0.5, clear + 0.6 * (tail - clear)),
        (-0.485, tail),
        (rear, belt),
        (front, belt),
        (0.46, nose),
        (0.5, clear + 0.55 * (nose - clear)),
    ]
    bottom = [(-0.47, clear), (-0.4, clear), (rear / 2, clear), (front / 2, clear), (0.4, clear), (0.47, clear)]
    return plate(np.array(top + bottom[::-1]), "x", -width / 2, width / 2)


def _pickup_body(roof: tuple[float, ...], width: float, clear: float, belt: float, nose: float) -> list[Part]:
    split = roof[0] - 0.5
    bed = clear + 0.35 * (belt - clear)
    front = [(split, belt), (roof[3] - 0.5, belt), (0.46, nose), (0.5, clear + 0.5 * (nose - clear))]
    under = [(split, clear), (0.2, clear), (0.4, clear), (0.47, clear)]
    parts = [plate(np.array(front + under[::-1]), "x", -width / 2, width / 2)]
    middle, long = (split - 0.5) / 2, split + 0.5
    parts.append(box((0.0, (clear + bed) / 2, middle), (width, bed - clear, long)))
    wall = 0.036
    parts += [
        box((side * (width - wall) / 2, (clear + belt) / 2, middle), (wall, belt - clear, long)) for side in (-1, 1)
    ]
    return [*parts, box((0.0, (clear + belt) / 2, -0.5 + wall / 2), (width, belt - clear, wall))]


def _car_cabin(choose: Choices, roof: tuple[float, ...], width: float, belt: float, height: float) -> list[Part]:
    rear, rear_top, front_top, front = (share - 0.5 for share in roof)
    low, long, short = belt - 0.01, front - rear, front_top - rear_top
    square = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    prism = Prism(counter_clockwise(square), (choose.between(0.74, 0.88), short / long))
    slide = (rear_top + front_top) / 2 - (rear + front) / 2
    cabin = Part(
        prism, np.diag([0.94 * width, height - low, long]), np.array([0.0, (low + height) / 2, (rear + front) / 2])
    )
    # The taper keeps the top over the middle of the foot: lean it to where the roof is.
    lean = slide / (height - low)
    return [sheared(cabin, z_per_y=lean, from_y=low)]


def airplane(choose: Choices) -> Draft:
    """An airplane: airliner, propeller plane, glider, jet fighter or biplane."""
    kind = choose.one_of(["airliner", "airliner", "propeller plane", "glider", "fighter", "biplane"])
    radius = {
        "airliner": choose.between(0.05, 0.07),
        "propeller plane": choose.between(0.055, 0.075),
        "glider": choose.between(0.045, 0.055),
        "fighter": choose.between(0.04, 0.055),
        "biplane": choose.between(0.055, 0.07),
    }[kind]
    parts = [_fuselage(kind, radius)]
    engines = 0
    if kind == "airliner":
        engines = 4 if choose.chance(0.33) else 2
        parts += _airliner(choose, radius, engines)
    if kind == "fighter":
        parts += _fighter(choose, radius)
    if kind in ("propeller plane", "glider", "biplane"):
        parts += _light_plane(choose, kind, radius)
    words = (
        f"an airliner with {'two' if engines == 2 else 'four'} engines"
        if engines
        else article("fighter jet" if kind == "fighter" else kind)
    )
    return Draft(parts, words, {"kind": kind, "engines": engines})


def _fuselage(kind: str, radius: float) -> Part:
    slim = 0.45 if kind in ("glider", "biplane", "propeller plane") else 0.6
    knots = {
        "fighter": [(0.8, 0.0), (1.0, 0.2), (1.0, 0.6), (0.6, 0.82), (0.12, 1.0)],
        "airliner": [(0.25, 0.0), (0.75, 0.18), (1.0, 0.32), (1.0, 0.88), (0.7, 0.96), (0.15, 1.0)],
    }.get(kind, [(0.4, 0.0), (slim, 0.25), (1.0, 0.62), (1.0, 0.8), (0.75, 0.96), (0.4, 1.0)])
    return turned(smooth_profile([(radius * r, h) for r, h in knots], 33), (0.0, 0.0, -0.5), (0.0, 0.0, 1.0))


def _wing(
    root: float, tip: float, span: float, sweep: float, z: float, y: float, thick: float, rise: float = 0.0
) -> list[Part]:
    """Two wings: chords at root and tip, half span, sweep at the tip, leading edge at z, height y, dihedral slope."""
    parts = []
    for side in (-1.0, 1.0):
        outline = np.array([[0.0, z], [side * span, z - sweep], [side * span, z - sweep - tip], [0.0, z - root]])
        panel = plate(outline, "y", y - thick / 2, y + thick / 2)
        dihedral = np.eye(3)
        dihedral[1, 0] = side * rise
        parts.append(Part(panel.primitive, dihedral @ panel.matrix, dihedral @ panel.offset))
    return parts


def _fin(root: float, tip: float, tall: float, sweep: float, z: float, y: float, thick: float, x: float = 0.0) -> Part:
    outline = np.array([[z, y], [z - sweep, y + tall], [z - sweep - tip, y + tall], [z - root, y]])
    return plate(outline, "x", x - thick / 2, x + thick / 2)


def _airliner(choose: Choices, radius: float, engines: int) -> list[Part]:
    thick, rise = 0.032, choose.between(0.03, 0.12)
    root, tip, span, sweep = (
        choose.between(0.17, 0.22),
        choose.between(0.06, 0.08),
        choose.between(0.42, 0.5),
        choose.between(0.16, 0.26),
    )
    front = choose.between(0.1, 0.16)
    low = -0.45 * radius
    parts = _wing(root, tip, span, sweep, front, low, thick, rise)
    pod, long = choose.between(0.028, 0.036), choose.between(0.1, 0.14)
    for share in (0.36,) if engines == 2 else (0.3, 0.6):
        for side in (-1.0, 1.0):
            x = side * share * span
            z = front - share * sweep - 0.02
            y = low + rise * abs(x) - thick / 2 - 0.75 * pod
            parts.append(
                turned(
                    [(0.7 * pod, 0.0), (pod, 0.5 * long), (0.9 * pod, long)], (x, y, z - 0.5 * long), (0.0, 0.0, 1.0)
                )
            )
    high_tail = choose.chance(0.25)
    tall = choose.between(0.14, 0.18)
    parts.append(_fin(0.15, 0.07, tall + radius, 0.11, -0.33, 0.0, 0.03))
    return parts + _wing(
        0.1,
        0.05,
        0.17,
        0.08,
        -0.39 - (0.06 if high_tail else 0.0),
        (tall + radius - 0.015) if high_tail else 0.2 * radius,
        0.03,
    )


def _fighter(choose: Choices, radius: float) -> list[Part]:
    delta = choose.chance(0.5)
    span = choose.between(0.3, 0.38)
    parts = (
        _wing(0.5, 0.08, span, 0.38, 0.12, -0.2 * radius, 0.03)
        if delta
        else _wing(0.3, 0.1, span, 0.2, 0.08, 0.0, 0.03)
    )
    if not delta:
        parts += _wing(0.14, 0.06, 0.2, 0.1, -0.34, 0.0, 0.03)
    else:
        parts += _wing(0.1, 0.04, 0.14, 0.08, 0.28, 0.3 * radius, 0.03)
    fins = (0.0,) if choose.chance(0.5) else (-0.75 * radius - 0.01, 0.75 * radius + 0.01)
    parts += [_fin(0.17, 0.07, 0.15 + radius, 0.13, -0.3, 0.0, 0.03, x) for x in fins]
    parts.append(ball((0.0, 0.75 * radius, 0.22), (0.6 * radius, 0.6 * radius, 0.12)))
    return parts + [
        box((side * 0.9 * radius, -0.2 * radius, -0.02), (0.9 * radius, 1.1 * radius, 0.4)) for side in (-1.0, 1.0)
    ]


def _light_plane(choose: Choices, kind: str, radius: float) -> list[Part]:
    high = kind == "propeller plane" and choose.chance(0.6)
    glider = kind == "glider"
    span, root = (
        (choose.between(0.6, 0.75), 0.12) if glider else (choose.between(0.42, 0.5), choose.between(0.15, 0.19))
    )
    thick = 0.03 * max(1.0, 2.0 * span)
    level = radius if high or kind == "biplane" else -0.4 * radius
    if kind == "biplane":
        level = radius + choose.between(0.06, 0.09)
    front = 0.24
    parts = _wing(
        root, root * choose.between(0.55, 1.0), span, 0.02, front, level, thick, 0.03 if kind != "biplane" else 0.0
    )
    parts.append(_fin(0.12, 0.07, 0.12 + radius, 0.06, -0.36, 0.0, thick))
    tail_level = 0.12 + radius if glider else 0.0
    parts += _wing(0.11, 0.07, 0.17, 0.03, -0.38 - (0.03 if glider else 0.0), tail_level, thick)
    if glider:
        return [*parts, ball((0.0, 0.7 * radius, 0.2), (0.8 * radius, 0.9 * radius, 0.13))]
    if kind == "biplane":
        parts += _wing(root, root, span * 0.9, 0.0, front - 0.02, -0.8 * radius, thick)
        parts += [
            rod((x, -0.8 * radius, z), (x, level, z), 0.015) for x in (-0.34, 0.34, -0.08, 0.08) for z in (0.2, 0.12)
        ]
    else:
        parts.append(ball((0.0, 0.75 * radius, 0.12), (0.75 * radius, 0.75 * radius, 0.16)))
    return parts + _propeller_and_gear(choose, radius)


def _propeller_and_gear(choose: Choices, radius: float) -> list[Part]:
    turn = np.radians(choose.between(0.0, 90.0))
    blade = choose.between(0.12, 0.15)
    along = blade * np.array([np.cos(turn), np.sin(turn), 0.0])
    hub = np.array([0.0, 0.0, 0.515])
    parts = [
        rod(hub - along, hub + along, 0.02),
        turned([(0.025, 0.0), (0.01, 0.06)], (0.0, 0.0, 0.49), (0.0, 0.0, 1.0)),
    ]
    drop = radius + 0.07
    for side in (-1.0, 1.0):
        x = side * 0.11
        parts += [
            rod((side * 0.4 * radius, -0.5 * radius, 0.2), (x, -drop, 0.22), 0.015),
            rod((x - 0.018, -drop, 0.22), (x + 0.018, -drop, 0.22), 0.036),
        ]
    return parts
