"""Objaverse-MIX and its annotations from the Hugging Face hub, by chunk, verified, resumed; or what to put where."""

import re
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from argus3d.data.annotations import CAPTIONS, CHUNK, LVIS, METADATA, OBJECT_PATHS, find, read_object_paths
from argus3d.data.files import sha256_file
from argus3d.data.objaverse import ANNOTATIONS, PICTURES, SHAPES
from argus3d.errors import UserError

MIX, OBJECTS, CAP3D = "BAAI/Objaverse-MIX", "allenai/objaverse", "tiange/Cap3D"
_ARCHIVE = re.compile(rf"({SHAPES}|{PICTURES})/({CHUNK.pattern})\.7z(?:\.\d{{3,4}})?")


@dataclass(frozen=True)
class HubFile:
    """A file of a data set on the hub; its sha256 where the hub states one."""

    repo: str
    path: str
    size: int
    sha256: str | None


@dataclass(frozen=True)
class Fetched:
    """Files that are there now, the bytes that came in this run, and what the hub does not have."""

    files: list[Path]
    bytes: int
    missing: list[str]


class Hub(Protocol):
    """Where files come from."""

    def files(self, repo: str, folder: str) -> list[HubFile]:
        """The files right in a folder ("" for the top) of a data set."""
        ...

    def download(self, file: HubFile, folder: Path, again: bool) -> None:
        """Put a file at `folder`/its path, going on where a try stopped; `again`: in place of the one that is there."""
        ...


class HuggingFaceHub:
    """The hub by the library huggingface_hub; tokens, proxies and mirrors are settings of its own."""

    def files(self, repo: str, folder: str) -> list[HubFile]:
        from huggingface_hub import HfApi
        from huggingface_hub.hf_api import RepoFile

        tree = HfApi().list_repo_tree(repo, folder or None, repo_type="dataset")
        files = [entry for entry in tree if isinstance(entry, RepoFile)]
        return [HubFile(repo, file.path, file.size, file.lfs.sha256 if file.lfs else None) for file in files]

    def download(self, file: HubFile, folder: Path, again: bool) -> None:
        from huggingface_hub import hf_hub_download

        hf_hub_download(file.repo, file.path, repo_type="dataset", local_dir=folder, force_download=again)


def fetch_objaverse(
    folder: Path,
    chunks: Sequence[str] | None = None,
    uids: Collection[str] = (),
    pictures: bool = False,
    hub: Hub | None = None,
    say: Callable[[str], object] = lambda text: print(text, file=sys.stderr),
) -> Fetched:
    """Fetch chunks into `folder`, and what is known of their objects into its annotations/.

    What is there with the size and sha256 that the hub states is kept, and what arrives is held against them. The
    bytes to come are said before the first of them.

    chunks : such as "000-012"; None takes those that hold `uids`
    pictures : the renderings too
    say : is told what happens, in sentences

    Raises UserError when the hub cannot be reached (it says what to put where), an object is in no chunk, the disk is
    too small, or a file arrives damaged.
    """
    hub = hub or HuggingFaceHub()
    if chunks is None:
        chunks = _chunks_of(folder, uids, hub)
    kinds = (SHAPES, PICTURES) if pictures else (SHAPES,)
    try:
        wanted, missing = _wanted(hub, folder, chunks, kinds)
    except Exception as error:  # those of the library, its connections and its absence are many
        files = [f"{kind}/{chunk}.7z, all volumes" for kind in kinds for chunk in chunks]
        raise _unreachable(error, folder, files, [METADATA.format(chunk=chunk) for chunk in chunks]) from error
    damaged = {file: path.exists() for file, path in wanted.items() if not _is_whole(file, path)}
    size = sum(file.size for file in damaged)
    say(f"{len(wanted) - len(damaged)} of {len(wanted)} files are here; {len(damaged)} of {size} bytes are to come.")
    free = shutil.disk_usage(next(parent for parent in (folder, *folder.parents) if parent.exists())).free
    if size > free:
        raise UserError(f"{folder} has {free} bytes free, {size} are to come; ask for fewer chunks, or clear the disk.")
    for file, again in damaged.items():
        _download(hub, file, wanted[file], again, say)
    for name in missing:
        say(f"The hub has no {name}.")
    return Fetched(list(wanted.values()), size, missing)


def _chunks_of(folder: Path, uids: Collection[str], hub: Hub) -> list[str]:
    """The chunks that hold the objects, by object-paths.json.gz, which is fetched first where it is not there."""
    annotations = folder / ANNOTATIONS
    path = find(annotations, OBJECT_PATHS)
    if path is None:
        try:
            hub.download(HubFile(OBJECTS, OBJECT_PATHS, 0, None), annotations, again=False)
        except Exception as error:  # see fetch_objaverse
            raise _unreachable(error, folder, [], [OBJECT_PATHS]) from error
        path = annotations / OBJECT_PATHS
    known = read_object_paths(path)
    strange = sorted(uid for uid in uids if uid not in known)
    if strange:
        raise UserError(f"{path} has no chunk for {len(strange)} objects, first {strange[0]}; take them out.")
    return sorted({known[uid] for uid in uids})


def _wanted(
    hub: Hub, folder: Path, chunks: Sequence[str], kinds: Sequence[str]
) -> tuple[dict[HubFile, Path], list[str]]:
    """What the hub has of all that is asked for, and where it belongs; and the names of what it does not have."""
    wanted: dict[HubFile, Path] = {}
    missing = []
    for kind in kinds:
        found = [(file, _ARCHIVE.fullmatch(file.path)) for file in hub.files(MIX, kind)]
        archives = {file: match[2] for file, match in found if match and match[1] == kind}
        wanted |= {file: folder / file.path for file, chunk in archives.items() if chunk in chunks}
        missing += [f"{kind}/{chunk}.7z" for chunk in chunks if chunk not in archives.values()]
    names = [LVIS, OBJECT_PATHS, *(METADATA.format(chunk=chunk) for chunk in chunks)]
    for repo, parts, asked in ((OBJECTS, ("", "metadata"), names), (CAP3D, ("",), [CAPTIONS[0]])):
        there = {file.path: file for part in parts for file in hub.files(repo, part)}
        wanted |= {there[name]: folder / ANNOTATIONS / name for name in asked if name in there}
        missing += [f"{repo}: {name}" for name in asked if name not in there]
    return wanted, missing


def _is_whole(file: HubFile, path: Path) -> bool:
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    return file.sha256 is None or sha256_file(path) == file.sha256


def _download(hub: Hub, file: HubFile, target: Path, again: bool, say: Callable[[str], object]) -> None:
    say(f"{file.path}, {file.size} bytes")
    root = target.parents[len(Path(file.path).parts) - 1]
    try:
        hub.download(file, root, again)
    except Exception as error:  # see fetch_objaverse
        raise UserError(
            f"{file.path} of {file.repo} could not be fetched ({type(error).__name__}: {error}); run it again, it goes "
            f"on where it stopped, or put the file at {target} yourself."
        ) from error
    if not _is_whole(file, target):
        raise UserError(f"{target} did not arrive as {file.repo} states it ({file.size} bytes); run it again.")


def _unreachable(error: Exception, folder: Path, files: Iterable[str], annotations: Iterable[str]) -> UserError:
    """Why nothing can be fetched, and which files to put where in place of that."""
    reason = f"the hub cannot be reached ({type(error).__name__}: {error})"
    if isinstance(error, ImportError):
        reason = 'huggingface_hub is not installed (pip install "argus3d[data]")'
    annotated = folder / ANNOTATIONS
    known = ", ".join(dict.fromkeys([LVIS, OBJECT_PATHS, *annotations]))
    steps = [f"{MIX} into {folder}: {', '.join(files)}"] if files else []
    steps += [f"{OBJECTS} into {annotated}: {known}", f"{CAP3D} into {annotated}: {CAPTIONS[0]}"]
    return UserError(f"{reason}; fetch elsewhere and put, in the folders they have there, of {'; of '.join(steps)}.")
