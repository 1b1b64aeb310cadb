"""The source `shapenet`: ShapeNet as Occupancy Networks preprocessed it, 13 or 55 classes."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from argus3d.data.arrays import read_npz
from argus3d.data.catalogue import Item, Sampled
from argus3d.data.files import regular
from argus3d.data.formats.occnet import CLOUD, QUERIES, by_number, checked_pictures, is_picture, read_sampled
from argus3d.data.formats.sevenzip import MAX_MEMBER
from argus3d.data.split_rules import alike
from argus3d.errors import UserError, raise_if_machine

# The classes of ShapeNetCore.v2 in the order of the released model, by their synset ids.
SYNSETS = (
    "02691156", "02747177", "02773838", "02801938", "02808440", "02818832", "02828884", "02843684", "02871439",
    "02876657", "02880940", "02924116", "02933112", "02942699", "02946921", "02954340", "02958343", "02992529",
    "03001627", "03046257", "03085013", "03207941", "03211117", "03261776", "03325088", "03337140", "03467517",
    "03513137", "03593526", "03624134", "03636649", "03642806", "03691459", "03710193", "03759954", "03761084",
    "03790512", "03797390", "03928116", "03938244", "03948459", "03991062", "04004475", "04074963", "04090263",
    "04099429", "04225987", "04256520", "04330267", "04379243", "04401088", "04460130", "04468005", "04530566",
    "04554684",
)  # fmt: skip
# Those of Choy et al., on which Occupancy Networks were trained.
SYNSETS_13 = (
    "02691156", "02828884", "02933112", "02958343", "03001627", "03211117", "03636649", "03691459", "04090263",
    "04256520", "04379243", "04401088", "04530566",
)  # fmt: skip
PARTS = ("train", "val", "test")
SPLIT_13 = "shapenet13-v1"
PICTURES, CAMERAS = "img_choy2016", "cameras.npz"
_MATRICES = {"camera_mat": (3, 3), "world_mat": (3, 4)}
_MODEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


class ShapeNetCatalogue:
    """The models of a folder <synset>/<model>/ with points.npz and pointcloud.npz, listed in <synset>/<part>.lst.

    Model ids repeat across synsets, so an item's id is <synset>-<model>. Items are the models that a list names or
    that lie there; one that is listed and not there fails when it is read. Classes have the released model's names.

    counts : synsets asked and found, models listed, found, listed but missing, in no list
    missing_synsets : those asked for that are not there
    reports : (folder or list, why) of what is left out
    """

    name = "shapenet"

    def __init__(self, folder: Path, classes: int | None = None) -> None:
        """List the models.

        classes : 13 or 55; None takes those that are there, of the 55

        Raises UserError when none is there, or a list is damaged.
        """
        known = {13: SYNSETS_13, 55: SYNSETS, None: SYNSETS}
        if classes not in known:
            raise UserError(f"{folder}: ShapeNet is read with 13 or 55 classes, not {classes}.")
        self.folder = folder
        there = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
        found = [synset for synset in known[classes] if synset in there]
        if not found:
            raise UserError(f"{folder} has no folder of a synset such as {SYNSETS[0]}: put ShapeNet as unpacked there.")
        asked = found if classes is None else known[classes]
        self.missing_synsets = [synset for synset in asked if synset not in found]
        self.reports = [(name, "It is no synset of the classes asked for.") for name in there if name not in found]
        self.counts: Counter[str] = Counter(synsets_asked=len(asked), synsets_found=len(found))
        self._lists = {synset: self._read_lists(synset) for synset in found}
        self._models = {synset: self._list(synset) for synset in found}

    def items(self) -> list[Item]:
        """All items, sorted by id."""
        names = dict(zip(SYNSETS, _class_names(), strict=True))
        return [
            Item(f"{synset}-{model}", names[synset], names[synset].replace("_", " "), self.name)
            for synset, models in self._models.items()
            for model in models
        ]

    def portions(self) -> list[tuple[str, list[str]]]:
        """Synset and ids, sorted."""
        return [(synset, [f"{synset}-{model}" for model in models]) for synset, models in self._models.items()]

    def samples(self, ids: Sequence[str]) -> Iterator[tuple[str, Sampled | UserError]]:
        """The samples of ids, each once, in their order."""
        for item_id in ids:
            try:
                model = self._folder_of(item_id)
                cloud, queries = _content(model / CLOUD), _content(model / QUERIES)
                yield item_id, read_sampled(cloud, queries, item_id)
            except UserError as error:
                yield item_id, error

    def views(self, ids: Sequence[str]) -> Iterator[tuple[str, tuple[bytes, ...] | UserError]]:
        """The pictures of ids by name; none at all for a synset without pictures."""
        if not any(self._pictures(item_id) for item_id in ids):
            return
        for item_id in ids:
            try:
                contents = tuple(_content(path) for path in self._pictures(item_id))
            except UserError as error:
                yield item_id, error
                continue
            missing = UserError(f"{self._folder_of(item_id) / PICTURES} has no pictures; fetch it again.")
            yield item_id, checked_pictures(contents, item_id) if contents else missing

    def cameras(self, item_id: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Camera matrices (V, 3, 3) and world matrices (V, 3, 4) of the pictures, from cameras.npz.

        Raises UserError when the file is missing, damaged, or not of as many cameras as there are pictures.
        """
        path = self._folder_of(item_id) / PICTURES / CAMERAS
        count = len(self._pictures(item_id))
        try:
            arrays = read_npz(_content(path))
            kinds = {kind: np.stack([arrays[f"{kind}_{view}"] for view in range(count)]) for kind in _MATRICES}
        except UserError:
            raise
        except Exception as error:  # zipfile and numpy stumble over damaged bytes in many ways
            raise_if_machine(error, path)
            raise UserError(f"{path} is not of {count} cameras ({type(error).__name__}: {error}).") from error
        for kind, shape in _MATRICES.items():
            if kinds[kind].shape[1:] != shape:
                raise UserError(f"{path}: {kind} are of shape {kinds[kind].shape[1:]}, not {shape}.")
        return kinds["camera_mat"].astype(np.float64), kinds["world_mat"].astype(np.float64)

    def splits(self) -> dict[str, list[str]]:
        """Part (train, val, test) -> ids, sorted, by the lists. Raises UserError when a list is missing."""
        for synset, lists in self._lists.items():
            for part in PARTS:
                if part not in lists:
                    raise UserError(f"{self.folder / synset / part}.lst is missing; put it there.")
        return {
            part: sorted(f"{synset}-{model}" for synset, lists in self._lists.items() for model in lists[part])
            for part in PARTS
        }

    def _read_lists(self, synset: str) -> dict[str, list[str]]:
        lists: dict[str, list[str]] = {}
        owner: dict[str, str] = {}
        for part in PARTS:
            path = self.folder / synset / f"{part}.lst"
            if not path.is_file():
                continue
            lists[part] = list(dict.fromkeys(filter(None, map(str.strip, _text(path).split("\n")))))
            for model in lists[part]:
                if not _MODEL.fullmatch(model):
                    raise UserError(f"{path}: {model!r} is no model id; fetch the list again.")
                if owner.setdefault(model, part) != part:
                    raise UserError(f"{path}: {model} is in {owner[model]}.lst too; fetch both lists again.")
        return lists

    def _list(self, synset: str) -> list[str]:
        """Models that are listed or there, sorted."""
        listed = {model for models in self._lists[synset].values() for model in models}
        folders = sorted(path.name for path in (self.folder / synset).iterdir() if path.is_dir())
        strange = [name for name in folders if not _MODEL.fullmatch(name)]
        self.reports += [(f"{synset}/{name}", "Its name is no model id; it is not read.") for name in strange]
        there = set(folders) - set(strange)
        self.counts.update(
            listed=len(listed), found=len(there), missing=len(listed - there), in_no_list=len(there - listed)
        )
        return sorted(listed | there)

    def _folder_of(self, item_id: str) -> Path:
        synset, _, model = item_id.partition("-")
        if synset not in self._models or not _MODEL.fullmatch(model):
            raise UserError(f"{self.folder} has no model {item_id}; ids are SYNSET-MODEL.")
        return self.folder / synset / model

    def _pictures(self, item_id: str) -> list[Path]:
        folder = self._folder_of(item_id) / PICTURES
        names = (path.name for path in folder.iterdir() if is_picture(path.name)) if folder.is_dir() else ()
        return [folder / name for name in sorted(names, key=by_number)]


def derive_shapenet13(catalogue: ShapeNetCatalogue) -> dict[str, list[str]]:
    """The parts of split shapenet13-v1: the lists of Occupancy Networks, and a part of train in the classes of test.

    Raises UserError where one of the 13 synsets is not there, or one of its lists, or train is smaller than test.
    """
    there = {synset for synset, _ in catalogue.portions()}
    missing = [synset for synset in SYNSETS_13 if synset not in there]
    if missing:
        raise UserError(f"{catalogue.folder} lacks {len(missing)} of the 13 synsets, first {missing[0]}; put it there.")
    lists = catalogue.splits()
    parts = {part: [item_id for item_id in ids if item_id.startswith(SYNSETS_13)] for part, ids in lists.items()}
    try:
        like_test = alike(parts["test"], parts["train"], lambda item_id: item_id[:8], SPLIT_13)
    except ValueError as error:
        raise UserError(f"{catalogue.folder}: its train lists are shorter than test lists ({error}).") from error
    return parts | {"train_like_test": sorted(like_test)}


def _class_names() -> Sequence[str]:
    from argus3d.checkpoint.released import CATEGORIES  # brings torch, which workers that read samples do not need

    return CATEGORIES


def _text(path: Path) -> str:
    try:
        return regular(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}); fetch it again.") from error


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_MEMBER:
            raise UserError(f"{path} has more than {MAX_MEMBER} bytes; it is not read.")
        return regular(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); fetch or unpack it again.") from error
