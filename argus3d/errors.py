"""Errors that are written for people."""


class UserError(Exception):
    """One sentence: what was wrong, with which file or id, and what to do about it."""
