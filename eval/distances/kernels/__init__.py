"""Compiled inner loops (numba), cached on disk after their first use."""
