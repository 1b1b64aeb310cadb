"""Tiny Debian packages and furniture libraries, made by the tests that read them."""

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

CUBE = "\n".join(
    [f"v {x} {y} {z}" for x in (0, 2) for y in (0, 1) for z in (0, 3)]
    + ["f 1 2 4 3", "f 5 7 8 6", "f 1 5 6 2", "f 3 4 8 7", "f 1 3 7 5", "f 2 6 8 4"]
)


def ar(members: Mapping[str, bytes]) -> bytes:
    """An ar archive, as Debian packages are."""
    parts = [b"!<arch>\n"]
    for name, content in members.items():
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n"
        parts += [header.encode(), content, b"\n" * (len(content) % 2)]
    return b"".join(parts)


def tar(files: Mapping[str, bytes], compression: str = "xz", links: Mapping[str, str] | None = None) -> bytes:
    """A compressed tar of plain files and symbolic links."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{compression}") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type = tarfile.SYMTYPE
            member.linkname = target
            archive.addfile(member)
    return out.getvalue()


def write_deb(path: Path, data: bytes, name: str = "data.tar.xz") -> Path:
    """A .deb around a data archive."""
    path.write_bytes(ar({"debian-binary": b"2.0\n", "control.tar.xz": b"odd", name: data}))
    return path


def library(prefix: str, entries: list[dict[str, str]], meshes: Mapping[str, str]) -> bytes:
    """An .sh3f file: a list of properties, meshes and icons; entry keys are those of the list."""
    lines = ["# a comment = not an entry", f"id={prefix}", "license=none"]
    for number, entry in enumerate(entries, start=1):
        values = {
            "icon": f"/{prefix}/{number}.png",
            "model": f"/{prefix}/{number}/{number}.obj",
            "creator": "Someone",
            **entry,
        }
        lines += [f"{key}#{number}={value}" for key, value in values.items()]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("PluginFurnitureCatalog.properties", "\n".join(lines).encode("latin-1"))
        for number in range(1, len(entries) + 1):
            archive.writestr(f"{prefix}/{number}.png", b"\x89PNG " + str(number).encode())
            archive.writestr(f"{prefix}/{number}/{number}.obj", meshes.get(str(number), CUBE))
    return out.getvalue()
