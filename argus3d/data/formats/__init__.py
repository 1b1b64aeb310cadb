"""Readers of files that others write: meshes, archives, packages."""
