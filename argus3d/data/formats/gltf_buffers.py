"""The bytes that a glTF file speaks of: in itself, in its JSON, or in files beside it."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from argus3d.data.formats.meshes import MAX_BYTES
from argus3d.errors import UserError


class Buffers:
    """Buffers, each read when a view of it is asked for the first time, and each file once."""

    def __init__(self, header: Mapping[str, Any], binary: bytes | None, path: Path, name: str) -> None:
        """Of the buffers, only the first may be `binary`, the binary chunk; one without content is left empty."""
        self._header, self._binary, self._path, self._name = header, binary or b"", path, name
        self._read: dict[int, memoryview] = {}
        self._files: dict[Path, memoryview] = {}
        self._bytes = path.stat().st_size

    def view(self, index: int) -> tuple[memoryview, int]:
        """The bytes of a buffer view and its stride, 0 where it has none."""
        view = self._header["bufferViews"][index]
        start = view.get("byteOffset", 0)
        content = self._buffer(view["buffer"])[start : start + view["byteLength"]]
        if len(content) < view["byteLength"]:
            raise ValueError(f"buffer view {index} runs past its buffer")
        return content, view.get("byteStride", 0)

    def _buffer(self, index: int) -> memoryview:
        if index not in self._read:
            uri = self._header["buffers"][index].get("uri")
            if uri is None:
                self._read[index] = memoryview(self._binary if index == 0 else b"")
            elif uri.startswith("data:"):
                self._read[index] = memoryview(base64.b64decode(uri.partition(",")[2], validate=True))
            else:
                self._read[index] = self._side_file(uri)
        return self._read[index]

    def _side_file(self, uri: str) -> memoryview:
        target = self._target(uri)
        if target is None:
            raise UserError(f"{self._name}: its data lie in {uri!r}, which is no file in its own folder; put it there.")
        if target not in self._files:
            self._bytes += target.stat().st_size
            if self._bytes > MAX_BYTES:
                most = f"{MAX_BYTES >> 30} GiB"
                raise UserError(f"{self._name}: with the files that it names it is larger than {most}; simplify it.")
            self._files[target] = memoryview(target.read_bytes())
        return self._files[target]

    def held(self) -> int:
        """Bytes of the file and of those that it names, each counted once."""
        uris = {buffer["uri"] for buffer in self._header.get("buffers", []) if "uri" in buffer}
        files = {self._target(uri) for uri in uris if not uri.startswith("data:")} - {None}
        return sum(file.stat().st_size for file in {self._path.resolve(), *files} if file)

    def _target(self, uri: str) -> Path | None:
        """A file in the folder of the glTF file; nothing outside is looked at."""
        folder = self._path.resolve().parent
        target = (folder / unquote(uri)).resolve()
        return target if target.is_relative_to(folder) and target.is_file() else None
