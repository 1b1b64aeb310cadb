"""Files out of Debian packages: fetched without root, unpacked without dpkg."""

import fnmatch
import io
import json
import lzma
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, NoReturn

from argus3d.data.files import MAX_UNPACKED, beside, sha256_file, write_json
from argus3d.data.formats.gltf import BROKEN
from argus3d.errors import UserError

AR_MAGIC = b"!<arch>\n"
AR_HEADER_BYTES = 60
APT_TIMEOUT = 1800  # seconds; the largest package wanted here is some 400 MB
MANIFEST = "manifest.json"
MAX_RATIO = 200  # times that a package may unpack to, beside MAX_UNPACKED; texts in xz reach 30
MAX_DICTIONARY = 256 << 20  # bytes of memory to unpack xz; its highest preset takes 65 MiB
_FED = 1 << 16  # bytes given to a decompressor at once
WAYS_OUT = "give the package with --deb FILE, or use DATA=procedural, which needs no download"


def fetch_package(name: str, version: str, sha256: str, folder: Path) -> Path:
    """Download one Debian package into `folder` with apt, without root and without touching the system's own lists.

    Returns the path of the .deb; one that is there already with the right sha256 is not fetched again.

    Raises UserError when apt-get is missing, the download fails, or the file is not the one that was asked for.
    """
    target = folder / f"{name}_{version}.deb"
    if target.exists() and sha256_file(target) == sha256:
        return target
    if shutil.which("apt-get") is None:
        raise UserError(f"apt-get is not on this machine, so {name} cannot be fetched: put it at {target}, {WAYS_OUT}.")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".apt-", dir=folder) as scratch:
        fetched = _download(name, version, Path(scratch))
        found = sha256_file(fetched)
        if found != sha256:
            raise UserError(f"{name} {version} arrived with sha256 {found}, not {sha256}: try again, or {WAYS_OUT}.")
        with beside(target) as part:
            fetched.rename(part)
    return target


def _download(name: str, version: str, scratch: Path) -> Path:
    """Run apt-get update and download with every folder of apt's state inside `scratch`."""
    scratch = scratch.resolve()
    for part in ("lists/partial", "cache/archives/partial"):
        (scratch / part).mkdir(parents=True)
    (scratch / "status").touch()  # apt insists on a list of installed packages; an empty one will do
    settings = {
        "Dir::State": scratch,
        "Dir::State::lists": scratch / "lists",
        "Dir::State::status": scratch / "status",
        "Dir::Cache": scratch / "cache",
        "Dir::Log": scratch,
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "root",  # for root: user _apt may not write here; without effect for anyone else
        "Acquire::Retries": "2",
        "Acquire::http::Timeout": "30",
        "Acquire::https::Timeout": "30",
    }
    command = ["apt-get", "-q"]
    for key, value in settings.items():
        command += ["-o", f"{key}={value}"]
    # A list that cannot be had is only a warning to `update`; `download` says whether it was one that matters.
    for action in (["update"], ["download", f"{name}={version}"]):
        _apt([*command, *action], f"{name} {version}", scratch)
    found = sorted(scratch.glob("*.deb"))
    if len(found) != 1:
        raise UserError(f"apt-get left no file for {name} {version}: {WAYS_OUT}.")
    return found[0]


def _apt(command: list[str], package: str, folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=APT_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise UserError(f"apt-get did not fetch {package} in {APT_TIMEOUT} s: try again, or {WAYS_OUT}.") from None
    if done.returncode == 0:
        return
    errors = [line[2:].strip() for line in done.stderr.splitlines() if line.startswith("E:")]
    reason = errors[0].rstrip(".") if errors else f"exit code {done.returncode}"
    raise UserError(f"apt-get could not fetch {package} ({reason}): check the network, {WAYS_OUT}.")


def unpack_members(deb: Path, folder: Path, pattern: str) -> list[Path]:
    """Write the plain files of a .deb whose path matches `pattern` flat into `folder`, and a manifest last.

    pattern : a glob over the path without leading "./", in which * crosses folders too, such as "usr/share/*.sh3f".
    Returns the written files, sorted. Nothing is written again where a manifest of the same .deb is there already.

    Raises UserError for a file that is no .deb, is truncated, or has members that lead out of the folder.
    """
    if not deb.is_file():
        raise UserError(f"{deb} does not exist: give the path of a .deb, or leave it out to download the package.")
    source = {"package": deb.name, "pattern": pattern, "sha256": sha256_file(deb)}
    done = _unpacked_before(folder, source)
    if done:
        return done
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    try:
        with deb.open("rb") as stream, data_archive(stream, deb) as archive:
            written = [_write_member(archive, member, folder, deb) for member in _matching(archive, pattern, deb)]
    except (*BROKEN, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # a full disk or a forbidden folder is not the package's fault
        _damaged(deb, str(error) or type(error).__name__)
    if not written:
        raise UserError(f"{deb} holds no file like {pattern}: it is not the package that was expected.")
    sizes = {path.name: path.stat().st_size for path in written}
    write_json(folder / MANIFEST, {**source, "files": sizes})
    return sorted(written)


def _unpacked_before(folder: Path, source: dict[str, str]) -> list[Path]:
    manifest = folder / MANIFEST
    if not manifest.exists():
        return []
    known = json.loads(manifest.read_text())
    if any(known.get(key) != source[key] for key in ("pattern", "sha256")):
        return []
    paths = [folder / name for name in sorted(known["files"])]
    if all(path.is_file() and path.stat().st_size == known["files"][path.name] for path in paths):
        return paths
    return []


def _damaged(deb: Path, reason: str) -> NoReturn:
    raise UserError(f"{deb} is truncated or not a Debian package ({reason}): delete it and fetch it again.")


@contextmanager
def data_archive(stream: IO[bytes], deb: Path) -> Iterator[tarfile.TarFile]:
    """The tar inside a .deb, which is an ar archive of debian-binary, control.tar.* and data.tar.*."""
    name, size = _seek_data_member(stream, deb)
    start = stream.tell()
    if deb.stat().st_size < start + size:
        _damaged(deb, f"{name} should have {size} bytes")
    if name == "data.tar.zst":
        raise UserError(f"{deb} is compressed with zstd, which is not read here: run dpkg-deb -x, and give the folder.")
    if name not in ("data.tar", "data.tar.gz", "data.tar.xz"):
        _damaged(deb, f"unknown member {name}")
    # Read as a stream ("r|"): unpacking goes forward once, and xz would be slow to seek in.
    content = io.BufferedReader(_Unpacked(_Window(stream, size), name, MAX_UNPACKED + MAX_RATIO * size))
    with tarfile.open(fileobj=content, mode="r|") as archive:
        yield archive


def _seek_data_member(stream: IO[bytes], deb: Path) -> tuple[str, int]:
    """Leave `stream` at the first byte of data.tar.* and return that member's name and size."""
    if stream.read(len(AR_MAGIC)) != AR_MAGIC:
        _damaged(deb, "no ar archive")
    while True:
        header = stream.read(AR_HEADER_BYTES)
        if len(header) < AR_HEADER_BYTES or header[58:] != b"`\n" or not header[48:58].strip().isdigit():
            _damaged(deb, "it ends before data.tar")
        name = header[:16].decode("ascii", "replace").strip().rstrip("/")
        size = int(header[48:58])
        if name.startswith("data.tar"):
            return name, size
        stream.seek(size + size % 2, 1)  # ar pads members to even length


class _Window(io.RawIOBase):
    """The next `size` bytes of a stream as a file of their own."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        super().__init__()
        self._stream = stream
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._stream.read(min(len(buffer), self._left))
        buffer[: len(content)] = content
        self._left -= len(content)
        return len(content)


class _Unpacked(io.RawIOBase):
    """What a compressed stream holds, up to `most` bytes; a few kB may stand for more than any disk."""

    def __init__(self, stream: io.RawIOBase, name: str, most: int) -> None:
        super().__init__()
        self._stream, self._name, self._left = stream, name, most
        self._waiting = b""
        self._unpacker = self._new_unpacker()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._next(len(buffer)) if self._unpacker else self._stream.read(len(buffer)) or b""
        self._left -= len(content)
        if self._left < 0:
            raise tarfile.ReadError(f"{self._name} unpacks to far more than it is")
        buffer[: len(content)] = content
        return len(content)

    def _next(self, most: int) -> bytes:
        """At least a byte and at most so many, or b"" at the end."""
        while not self._unpacker.eof or self._begin_next():
            content = bytes(self._unpacker.decompress(self._waiting, most))
            self._waiting = getattr(self._unpacker, "unconsumed_tail", b"")  # zlib's; lzma keeps it to itself
            if content:
                return content
            if not self._unpacker.eof and not self._waiting:
                self._waiting = self._stream.read(_FED) or b""
                if not self._waiting:
                    raise EOFError(f"{self._name} is cut short")
        return b""

    def _begin_next(self) -> bool:
        """Whether another stream follows the one that ended, as where several were compressed at once."""
        self._waiting = self._unpacker.unused_data or self._stream.read(_FED) or b""
        self._unpacker = self._new_unpacker()
        return self._waiting.startswith((b"\xfd7zXZ\0", b"\x1f\x8b"))

    def _new_unpacker(self) -> Any:
        if self._name.endswith(".gz"):
            return zlib.decompressobj(wbits=31)
        return lzma.LZMADecompressor(memlimit=MAX_DICTIONARY) if self._name.endswith(".xz") else None


def _matching(archive: tarfile.TarFile, pattern: str, deb: Path) -> Iterator[tarfile.TarInfo]:
    seen: set[str] = set()
    most = MAX_UNPACKED + MAX_RATIO * deb.stat().st_size
    for member in archive:
        if member.offset_data + member.size > most:  # tarfile would skip it block by block, for years
            raise tarfile.ReadError(f"{member.name}, of {member.size:,} bytes, unpacks to far more than it is")
        name = member.name.removeprefix("./")
        if member.isdir() or not fnmatch.fnmatchcase(name, pattern):
            continue
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not _is_plain(member) or path.name in (*seen, MANIFEST):
            raise UserError(f"{deb} holds the unsafe member {member.name}: do not use this file, fetch it again.")
        seen.add(path.name)
        yield member


def _is_plain(member: tarfile.TarInfo) -> bool:
    """Whether it is a file whose content lies in the archive: the holes of a sparse one may be larger than any disk."""
    return member.isreg() and not member.issparse()


def _write_member(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, deb: Path) -> Path:
    target = folder / PurePosixPath(member.name).name
    content = archive.extractfile(member)
    if content is None:
        _damaged(deb, f"{member.name} has no content")
    with beside(target) as part, part.open("wb") as out:
        shutil.copyfileobj(content, out)
        if out.tell() != member.size:
            _damaged(deb, f"{member.name} is cut short")
    return target
