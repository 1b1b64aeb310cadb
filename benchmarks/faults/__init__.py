"""Faults on purpose: what is left when a run is killed, the disk is full, or a file is gone; see `__main__`."""
