"""Kinds of arguments that commands share: what argparse turns a word into, or refuses."""

import argparse


def positive(text: str) -> int:
    """An argument that counts something."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} must be at least 1")
    return number


def natural(text: str) -> int:
    """A whole argument of 0 or more."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} must be at least 0")
    return number


def share(text: str) -> float:
    """An argument in 0 .. 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} must lie in 0 .. 1")
    return number


def batch_size(text: str) -> int | None:
    """A number of rows, or None for auto."""
    if text == "auto":
        return None
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is neither a number nor auto")
    return positive(text)
