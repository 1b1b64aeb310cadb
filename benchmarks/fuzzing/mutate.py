"""Mutations of bytes, of numbers in texts and of JSON trees; each is decided by a random stream."""

import json
import random
import re
import struct
from collections.abc import Callable, Sequence
from typing import Any

Mutation = Callable[[random.Random, bytes], bytes]

MAX_INPUT = 1 << 16  # bytes; longer inputs reach nothing that shorter ones do not
INTERESTING = (0, 1, -1, 3, 127, 128, 255, 256, 32767, 65535, 10**6, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, -(2**31))
NUMBERS = (
    "0", "-1", "1", "3", "0.5", "-0", "nan", "inf", "-inf", "1e999", "1e38", "1e-320", "10000001", "99999999",
    "2147483648", "4294967295", "9223372036854775808", "1" * 40, "9" * 5000, "-99999999", "2_0", "0x10", "", "\u0663",
)  # fmt: skip
WORDS = (
    b"../outside/x", b"/etc/passwd", b"\0", b"\xff\xfe", b"%2e%2e/", b"..\\x", b"{", b"]", b'"', b"\n", b"#",
    b"\x1f\x8b",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 0.5, -0.5, 1e308, 10**30, 2**31, 2**63, 10**7, 10**9, -(10**9), "", "x", "1",
    "../outside/x", "../outside", "../../outside", "../../../outside", "/etc/passwd", "a\0b", "\ud800", "..", ".",
    "x" * 300, [], {}, [[]], [None], {"": None}, [1], float("nan"),
    float("inf"), [0] * 17, "data:,", "data:;base64,AAAA", "NaN", -(2**63), 4300 * "9",
)  # fmt: skip


def mutated(rng: random.Random, content: bytes, corpus: Sequence[bytes], own: Sequence[Mutation]) -> bytes:
    """One to five mutations, half of them of the reader's own kind where it has one."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        if own and rng.random() < 0.6:
            content = rng.choice(own)(rng, content)
        elif rng.random() < 0.1:
            content = spliced(rng, content, rng.choice(corpus))
        else:
            content = rng.choice(BYTES)(rng, content)
    return content[:MAX_INPUT] if len(content) > 4 * MAX_INPUT else content


def spliced(rng: random.Random, content: bytes, other: bytes) -> bytes:
    """The start of one and the end of another."""
    return content[: rng.randrange(len(content) + 1)] + other[rng.randrange(len(other) + 1) :]


def flip(rng: random.Random, content: bytes) -> bytes:
    if not content:
        return b"\0"
    at, changed = rng.randrange(len(content)), bytearray(content)
    changed[at] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite(rng: random.Random, content: bytes) -> bytes:
    """An interesting number over some bytes, of any width and order."""
    kind = rng.choice("bhiqfd")
    value = rng.choice(INTERESTING)
    if kind in "fd":
        number = struct.pack(rng.choice("<>") + kind, rng.choice((float(value), float("nan"), float("inf"), 1e30)))
    else:
        width = struct.calcsize(kind)
        number = (value & (256**width - 1)).to_bytes(width, rng.choice(("little", "big")))
    at = rng.randrange(max(1, len(content)))
    if rng.random() < 0.5:
        at -= at % len(number)
    return content[:at] + number + content[at + len(number) :]


def cut(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def drop(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content) + 1)
    return content[:start] + content[start + rng.randrange(1, 65) :]


def repeat(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content) + 1)
    piece = content[start : start + rng.randrange(1, 65)]
    times = rng.choice((1, 2, 10, 1000))
    return content[:start] + (piece * times)[:MAX_INPUT] + content[start:]


def insert(rng: random.Random, content: bytes) -> bytes:
    at = rng.randrange(len(content) + 1)
    new = rng.choice(WORDS) if rng.random() < 0.5 else rng.randbytes(rng.randrange(1, 17))
    return content[:at] + new + content[at:]


def number(rng: random.Random, content: bytes) -> bytes:
    """Another number in the place of one that is written in digits."""
    found = list(re.finditer(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", content[:MAX_INPUT]))
    if not found:
        return flip(rng, content)
    match = rng.choice(found)
    return content[: match.start()] + rng.choice(NUMBERS).encode() + content[match.end() :]


def word(rng: random.Random, content: bytes) -> bytes:
    """A word of a text again in the place of another."""
    found = list(re.finditer(rb"[A-Za-z_]{2,}", content[:MAX_INPUT]))
    if len(found) < 2:
        return flip(rng, content)
    match, other = rng.choice(found), rng.choice(found)
    return content[: match.start()] + other[0] + content[match.end() :]


def lines(rng: random.Random, content: bytes) -> bytes:
    """Lines of a text dropped, doubled or in another order."""
    parts = content.split(b"\n")
    at, other = rng.randrange(len(parts)), rng.randrange(len(parts))
    match rng.randrange(3):
        case 0:
            del parts[at]
        case 1:
            parts.insert(other, parts[at])
        case _:
            parts[at], parts[other] = parts[other], parts[at]
    return b"\n".join(parts)


BYTES: tuple[Mutation, ...] = (flip, flip, overwrite, overwrite, cut, drop, repeat, insert, number)
TEXT: tuple[Mutation, ...] = (number, number, word, lines)


def tree(rng: random.Random, content: bytes) -> bytes:
    """JSON with one value, key or branch of it changed."""
    try:
        value = json.loads(content)
        if rng.random() < 0.01:
            return deep(rng, value)
        return json.dumps(changed(rng, value)).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):  # no JSON any more, or nested deep by now
        return number(rng, content)


def deep(rng: random.Random, value: Any) -> bytes:
    """Brackets within brackets, alone or in the place of a value."""
    opening, closing = rng.choice((("[", "]"), ('{"a":', "}")))
    times = rng.choice((500, 5000, 30000))
    inner = opening * times + "0" + closing * times
    if not isinstance(value, dict) or not value:
        return inner.encode()
    key = rng.choice(list(value))
    return json.dumps(value | {key: "HERE"}).replace('"HERE"', inner, 1).encode("utf-8", "surrogatepass")


def changed(rng: random.Random, value: Any) -> Any:
    """A copy of a JSON value with one place in it changed."""
    places = list(_places(value))
    if not places:
        return rng.choice(VALUES)
    holder, key = rng.choice(places)
    match rng.randrange(8):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[rng.choice(["", "x", str(key).upper(), *map(str, holder)])] = holder.pop(key)
        case 2:
            other, place = rng.choice(places)
            if place in other if isinstance(other, dict) else True:
                holder[key] = json.loads(json.dumps(other[place]))
        case 3 if isinstance(holder, list):
            holder.extend(holder[key : key + 1] * rng.choice((1, 2, 50)))
        case _:
            holder[key] = rng.choice(VALUES)
    return value


def _places(value: Any) -> Any:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        yield from _places(value[key])


def json_lines(rng: random.Random, content: bytes) -> bytes:
    """One line of a file of JSON values changed."""
    parts = content.splitlines()
    if not parts:
        return b"{}"
    at = rng.randrange(len(parts))
    parts[at] = tree(rng, parts[at])
    return b"\n".join(parts) + b"\n"
