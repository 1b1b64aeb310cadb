"""Errors that are written for people."""


class UserError(Exception):
    """One sentence: what was wrong, with which file or id, and what to do about it."""


INTERRUPTED = "interrupted; what was finished is kept, and the same command goes on from there."
OUT_OF_MEMORY = (
    "memory ran out; ask for fewer --workers or a smaller --batch-size, where the command has them, or free some. What "
    "was finished is kept."
)
