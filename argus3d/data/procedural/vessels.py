"""Lamps, mugs, bottles and vases; lengths relative to the whole, before normalisation."""

from itertools import pairwise

import numpy as np

from argus3d.data.procedural.draft import Choices, Draft, article
from argus3d.data.procedural.forms import ball, disc, post, ring, rod, shell, smooth_profile, turned, turned_outline
from argus3d.data.procedural.solid import Part

Profile = list[tuple[float, float]]


def lamp(choose: Choices) -> Draft:
    """A lamp: floor, table, desk or pendant; its shade a cone, cylinder, sphere or dome."""
    kind = choose.one_of(["floor", "table", "table", "desk", "pendant"])
    shade = choose.one_of(["cone", "dome"] if kind == "desk" else ["cone", "cone", "cylinder", "sphere", "dome"])
    if kind == "desk":
        parts, base = _desk_lamp(choose, shade), "arm"
    elif kind == "pendant":
        parts, base = _pendant(choose, shade), "cord"
    else:
        base = choose.one_of(["disc", "tripod"] if kind == "floor" else ["disc", "vase", "column", "ball"])
        parts = _standing_lamp(choose, kind, shade, base)
    words = {"cone": "conical", "cylinder": "cylindrical", "sphere": "spherical", "dome": "domed"}[shade]
    ending = {
        "cord": " on a cord",
        "disc": " on a round foot",
        "tripod": " on a tripod",
        "vase": " on a bulging body",
        "column": " on a thick column",
        "ball": " on a ball",
        "arm": " on a jointed arm",
    }[base]
    return Draft(parts, f"a {kind} lamp with a {words} shade{ending}", {"kind": kind, "shade": shade, "base": base})


def _shade(choose: Choices, shade: str, low: float, radius: float, height: float, wall: float) -> list[Part]:
    """A shade that stands on the level `low`, closed inside by a disc that its stem can reach."""
    if shade == "sphere":
        return [ball((0.0, low + radius, 0.0), radius)]
    if shade == "dome":
        return [turned_outline(_dome(radius, height, wall), (0.0, low, 0.0))]
    narrow = choose.between(0.35, 0.7) if shade == "cone" else 1.0
    across = radius * (1.0 + narrow) / 2.0
    return [
        shell([(radius, 0.0), (narrow * radius, height)], wall, (0.0, low, 0.0)),
        disc((0.0, low + 0.5 * height, 0.0), across - 0.4 * wall, wall),
    ]


def _dome(radius: float, height: float, wall: float) -> Profile:
    turn = np.linspace(0.0, 0.5 * np.pi, 12)
    outer = [(radius * float(np.cos(a)), height * float(np.sin(a))) for a in turn[:-1]] + [(0.0, height)]
    share = (radius - wall) / radius, (height - wall) / height
    return outer + [(r * share[0], h * share[1]) for r, h in outer[::-1]]


def _standing_lamp(choose: Choices, kind: str, shade: str, base: str) -> list[Part]:
    floor = kind == "floor"
    stem = choose.between(0.015, 0.02) if floor else choose.between(0.022, 0.035)
    radius = choose.between(0.12, 0.18) if floor else choose.between(0.22, 0.32)
    height = choose.between(0.16, 0.26) if floor else choose.between(0.28, 0.42)
    if shade == "sphere":
        radius, height = 0.75 * radius, 1.5 * radius
    if shade == "dome":
        height = 0.75 * radius
    low = 1.0 - height
    reach = low + (height - 0.016 if shade == "dome" else 0.6 * height)
    parts = _shade(choose, shade, low, radius, height, 0.032)
    if base == "tripod":
        top = choose.between(0.62, 0.72)
        spread = choose.between(0.16, 0.24)
        parts.append(post((0.0, top - 0.05, 0.0), (0.0, reach, 0.0), 1.1 * stem))
        return parts + [
            post((spread * np.cos(a), 0.0, spread * np.sin(a)), (0.0, top, 0.0), stem)
            for a in np.radians([90.0, 210.0, 330.0])
        ]
    parts.append(post((0.0, 0.0, 0.0), (0.0, reach, 0.0), stem))
    foot = choose.between(0.1, 0.16) if floor else choose.between(0.14, 0.2)
    if base == "disc":
        parts.append(turned([(foot, 0.0), (foot, 0.03), (1.2 * stem, choose.between(0.035, 0.09))]))
    if base == "column":
        parts.append(turned([(0.55 * foot, 0.0), (0.45 * foot, low - 0.05), (stem, low - 0.02)]))
    if base == "ball":
        parts.append(ball((0.0, 0.8 * foot, 0.0), 0.85 * foot))
        parts.append(disc((0.0, 0.02, 0.0), 0.7 * foot, 0.04))
    if base == "vase":
        at = choose.between(0.3, 0.6) * low
        parts.append(
            turned(smooth_profile([(0.55 * foot, 0.0), (choose.between(0.8, 1.1) * foot, at), (stem, low - 0.04)]))
        )
    return parts


def _desk_lamp(choose: Choices, shade: str) -> list[Part]:
    stem = choose.between(0.02, 0.026)
    foot = choose.between(0.16, 0.22)
    elbow = np.array([0.0, choose.between(0.42, 0.55), -choose.between(0.12, 0.25)])
    head = np.array([0.0, choose.between(0.75, 0.9), choose.between(0.18, 0.32)])
    aim = np.array([0.0, -1.0, choose.between(0.2, 0.8)])
    aim /= np.linalg.norm(aim)
    radius, length = choose.between(0.13, 0.18), choose.between(0.16, 0.22)
    parts = [
        disc((0.0, 0.025, 0.0), foot, 0.05),
        rod((0.0, 0.04, 0.0), elbow, stem),
        rod(elbow, head, stem),
        ball(elbow, 1.5 * stem),
        ball(head, 1.6 * stem),
    ]
    start = head - 0.02 * aim
    if shade == "cone":
        return [*parts, turned([(0.4 * radius, 0.0), (0.5 * radius, 0.25 * length), (radius, length)], start, aim)]
    bowl = [(radius * float(np.sin(a)), length * (1.0 - float(np.cos(a)))) for a in np.linspace(0.1, 0.5 * np.pi, 12)]
    return [*parts, turned(bowl, start, aim)]


def _pendant(choose: Choices, shade: str) -> list[Part]:
    stem, radius = choose.between(0.015, 0.018), choose.between(0.2, 0.34)
    height = {
        "cone": choose.between(0.22, 0.36),
        "cylinder": choose.between(0.2, 0.4),
        "sphere": 2 * radius,
        "dome": choose.between(0.6, 0.95) * radius,
    }[shade]
    if shade == "sphere":
        height, radius = 1.4 * radius, 0.7 * radius
    parts = _shade(choose, shade, 0.0, radius, height, 0.034)
    parts.append(post((0.0, 0.55 * height, 0.0), (0.0, 0.98, 0.0), stem))
    parts.append(turned([(0.085, 0.955), (0.085, 1.0)]))
    if choose.chance(0.4) and shade != "sphere":
        parts += [
            ball((0.0, 0.25 * height, 0.0), 0.07),
            post((0.0, 0.25 * height, 0.0), (0.0, 0.6 * height, 0.0), 0.03),
        ]
    return parts


def mug(choose: Choices) -> Draft:
    """A mug or cup, hollow, with its handle at +x."""
    form = choose.one_of(["straight", "straight", "tapered", "flared", "round", "barrel"])
    radius = choose.between(0.32, 0.46)
    wall = choose.between(0.035, 0.055)
    low, middle, high = {
        "straight": (1.0, 1.0, 1.0),
        "tapered": (1.0, 0.92, 0.84),
        "flared": (0.62, 0.8, 1.0),
        "round": (0.5, 0.96, 1.0),
        "barrel": (0.84, 1.0, 0.86),
    }[form]
    height = choose.between(0.62, 0.75) if form in ("round", "flared") else choose.between(0.75, 1.05)
    body = smooth_profile([(low * radius, 0.0), (middle * radius, 0.45 * height), (high * radius, height)])
    parts = [shell(body, wall, floor=choose.between(0.04, 0.08))]
    handle = choose.one_of(["round", "round", "ear", "square"])
    tube = choose.between(0.032, 0.046)
    centre, reach = choose.between(0.5, 0.58) * height, choose.between(0.2, 0.26) * height / 0.8
    radii, heights = np.array(body).T
    at = float(np.interp(centre, heights, radii))
    parts += _handle(handle, radii, heights, wall, centre, reach, tube, at)
    saucer = choose.chance(0.15)
    if saucer:
        plate = shell([(0.6 * radius, -0.06), (1.7 * radius, 0.07)], 0.12, floor=0.06)
        parts = [plate, *parts]
    words = {
        "straight": "straight",
        "tapered": "tapered",
        "flared": "flared",
        "round": "rounded",
        "barrel": "barrel-shaped",
    }
    return Draft(
        parts,
        f"{article(words[form])} mug with {article(handle)} handle{' on a saucer' if saucer else ''}",
        {"form": form, "handle": handle, "saucer": saucer},
    )


def _handle(
    style: str, radii: np.ndarray, heights: np.ndarray, wall: float, centre: float, reach: float, tube: float, at: float
) -> list[Part]:
    if style == "square":
        out = at + 1.1 * reach
        ends = [(y, float(np.interp(y, heights, radii)) - 0.6 * wall) for y in (centre - reach, centre + reach)]
        bars = [rod((x, y, 0.0), (out, y, 0.0), tube) for y, x in ends]
        corners = [ball((out, y, 0.0), tube) for y, _ in ends]
        return [*bars, *corners, rod((out, centre - reach, 0.0), (out, centre + reach, 0.0), tube)]
    stretch = 1.0 if style == "round" else 1.35
    major = reach / stretch
    parts = [ring((at - 0.3 * wall, centre, 0.0), major, tube, -90.0, 90.0, stretch)]
    for y in (centre - reach, centre + reach):
        x = float(np.interp(y, heights, radii)) - 0.6 * wall
        if x < at - 0.35 * wall:  # the body curves away from the handle's ends
            parts.append(rod((x, y, 0.0), (at - 0.29 * wall, y, 0.0), tube))
    return parts


def bottle(choose: Choices) -> Draft:
    """A bottle as a solid of revolution: wine, beer, water, flask or jug, with or without a cap."""
    kind = choose.one_of(["wine", "beer", "water", "flask", "medicine"])
    body = {
        "wine": choose.between(0.12, 0.16),
        "beer": choose.between(0.12, 0.15),
        "water": choose.between(0.13, 0.18),
        "flask": choose.between(0.22, 0.32),
        "medicine": choose.between(0.2, 0.27),
    }[kind]
    neck = body * choose.between(0.32, 0.46) if kind != "medicine" else body * choose.between(0.55, 0.7)
    shoulder, start = {
        "wine": (choose.between(0.5, 0.62), choose.between(0.66, 0.74)),
        "beer": (choose.between(0.42, 0.5), choose.between(0.7, 0.8)),
        "water": (choose.between(0.6, 0.7), choose.between(0.82, 0.88)),
        "flask": (choose.between(0.2, 0.35), choose.between(0.62, 0.7)),
        "medicine": (choose.between(0.6, 0.7), choose.between(0.76, 0.82)),
    }[kind]
    neck = max(neck, 0.035)
    foot = body * (choose.between(0.55, 0.8) if kind == "flask" else 0.96)
    swell = body * (choose.between(0.84, 0.94) if kind == "water" else 1.0)
    knots = [
        (foot, 0.0),
        (body, 0.2 * shoulder if kind != "flask" else 0.8 * shoulder),
        (swell, 0.6 * shoulder),
        (body, shoulder),
        (neck, start),
        (neck * 0.95, 1.0),
    ]
    if kind == "flask":
        knots.pop(2)
    parts = [turned(smooth_profile(knots, 33))]
    cap = choose.one_of(["cap", "lip", "stopper"])
    wide = neck * choose.between(1.15, 1.35)
    if cap == "cap":
        parts.append(turned([(wide, 0.93), (wide, 1.01 + 0.3 * neck)]))
    if cap == "lip":
        parts.append(turned([(wide, 0.95), (wide, 1.0)]))
    if cap == "stopper":
        parts += [turned([(0.6 * neck, 0.98), (0.7 * neck, 1.06)]), ball((0.0, 1.08, 0.0), max(neck, 0.04))]
    ending = {"cap": "a cap", "lip": "an open lip", "stopper": "a stopper"}[cap]
    return Draft(parts, f"{article(kind)} bottle with {ending}", {"kind": kind, "closure": cap})


def vase(choose: Choices) -> Draft:
    """A hollow vase as a solid of revolution, with or without two handles."""
    form = choose.one_of(["bulging", "amphora", "trumpet", "bowl", "cylinder", "hourglass"])
    wide = choose.between(0.22, 0.36)
    shapes = {
        "bulging": [(0.5, 0.0), (1.0, 0.4), (0.5, 0.8), (0.65, 1.0)],
        "amphora": [(0.4, 0.0), (1.0, 0.6), (0.42, 0.83), (0.62, 1.0)],
        "trumpet": [(0.55, 0.0), (0.42, 0.25), (0.55, 0.6), (1.0, 1.0)],
        "bowl": [(0.6, 0.0), (1.3, 0.4), (1.4, 0.6), (1.1, 0.75)],
        "cylinder": [(0.6, 0.0), (0.66, 0.5), (0.7, 0.8), (0.72, 1.0)],
        "hourglass": [(0.85, 0.0), (0.5, 0.45), (0.55, 0.6), (0.95, 1.0)],
    }[form]
    knots = [
        (wide * r * choose.between(0.92, 1.08), h if h in (0.0, 1.0) else h * choose.between(0.92, 1.08))
        for r, h in shapes
    ]
    knots = [(max(r, 0.09), h) for r, h in knots]
    profile = smooth_profile(knots, 29)
    wall = choose.between(0.036, 0.05)
    parts = [shell(profile, wall, floor=choose.between(0.04, 0.07))]
    handles = form == "amphora" and choose.chance(0.6)
    if handles:
        parts += _vase_handles(knots, np.array(profile), wall)
    foot = not handles and choose.chance(0.35)
    if foot:
        parts.append(turned([(knots[0][0] * 1.25, -0.05), (knots[0][0] * 1.1, 0.02)]))
    words = {"bowl": "bowl-shaped", "trumpet": "trumpet-shaped", "cylinder": "cylindrical", "hourglass": "waisted"}.get(
        form, form
    )
    if form == "amphora":
        words = "slender-footed"
    extra = " with two handles" if handles else " on a foot" if foot else ""
    return Draft(parts, f"{article(words)} vase{extra}", {"form": form, "handles": handles, "foot": foot})


def _vase_handles(knots: Profile, profile: np.ndarray, wall: float) -> list[Part]:
    (belly, low), high = knots[1], knots[2][1]
    top, bottom = high + 0.06, low + 0.12
    attach = [float(np.interp(y, profile[:, 1], profile[:, 0])) - 0.5 * wall for y in (bottom, top)]
    out, tube = belly + 0.06, 0.024
    corner = 0.5 * (top + bottom) + 0.08
    parts = []
    for side in (-1.0, 1.0):
        path = [
            (side * attach[0], bottom, 0.0),
            (side * out, corner - 0.06, 0.0),
            (side * (out - 0.02), top, 0.0),
            (side * attach[1], top, 0.0),
        ]
        parts += [rod(a, b, tube) for a, b in pairwise(path)]
        parts += [ball(p, tube) for p in path[1:-1]]
    return parts
