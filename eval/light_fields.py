"""Sets of light fields from folders of meshes, for the light-field distance.

Clouds will not do: a light field is what a surface hides and shows, and points hide nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from argus3d.data.files import beside, sha256_file
from argus3d.data.formats.mesh_files import MESH_SUFFIXES, read_mesh_file
from argus3d.errors import UserError, raise_if_machine
from eval.clouds import chosen_by_hash
from eval.distances.lightfield import SHAPE, VERSION, LightField, LightFieldPairs, light_field
from eval.distances.sets import Sets
from eval.protocol import Protocol
from eval.results import MetricValue
from eval.set_metrics import set_metrics
from eval.sources import Job, jobs_of_folder, tried

NAME = "lfd_like"  # ends the metrics' names


@dataclass(frozen=True)
class LightFieldSet:
    """Light fields of one set, with what was asked for and what could not be had.

    name : what reports call the set
    fields : (N, 10, 10, 47) uint8, see `light_field`
    ids : one a light field, unique; those that `load_clouds` gives the same folder's clouds
    categories : one a light field, "" where unknown
    asked : shapes the source was asked for; len(ids) + len(failed)
    failed : (id, reason) of each shape that gave no light field
    """

    name: str
    fields: LightField
    ids: tuple[str, ...]
    categories: tuple[str, ...]
    asked: int
    failed: tuple[tuple[str, str], ...] = ()


def require_meshes(source: str) -> None:
    """Refuse what has no light fields. Raises : UserError for all but folders of meshes or samples"""
    if not Path(source).is_dir():
        raise UserError(
            f"{source}: light fields need meshes, and this is no folder of them; arrays and splits hold points only, "
            f"give a folder of meshes ({' '.join(MESH_SUFFIXES)}) or samples"
        )
    if any(job.file is None for job in jobs_of_folder(Path(source))):
        raise UserError(f"{source}: light fields need meshes, and prepared data hold points; give a folder of meshes")


def load_light_fields(
    source: str, cache: Path | None = None, name: str | None = None, only: Collection[str] | None = None
) -> LightFieldSet:
    """Get the light fields of a folder of meshes.

    source : a folder of samples with manifest.json, or a folder of meshes (classes by sub-folder)
    cache : an .npz that keeps light fields by their file's sha256, made if it is not there; it may serve many folders
    name : of the set; by default `source`
    only : ids of the shapes that are wanted; by default all
    returns : LightFieldSet; shapes that gave none are in `failed`
    Raises : UserError for a source that is no folder of meshes, of which every shape failed, or a broken cache
    """
    require_meshes(source)
    jobs = [job for job in jobs_of_folder(Path(source)) if only is None or job.id in only]
    kept = _Kept(cache)
    found: list[Job] = []
    fields: list[LightField] = []
    failed: list[tuple[str, str]] = []
    try:
        for job in jobs:
            assert job.file is not None, "shapes of other sources were refused"
            field = tried(job, partial(kept.light_field, job.file), failed)
            if field is not None:
                fields.append(field)
                found.append(job)
    finally:
        kept.save()  # of an interrupted run, what there is
    if not found:
        first = f"the first: {failed[0][0]}: {failed[0][1]}" if failed else "it names none"
        raise UserError(f"{name or source}: none of its {len(jobs)} shapes gave a light field; {first}")
    return LightFieldSet(
        name=name or source,
        fields=np.stack(fields),
        ids=tuple(job.id for job in found),
        categories=tuple(job.category for job in found),
        asked=len(jobs),
        failed=tuple(failed),
    )


def light_field_metrics(
    generated: LightFieldSet, reference: LightFieldSet, protocol: Protocol
) -> tuple[dict[str, MetricValue], list[str]]:
    """All set metrics by `lfd_like`, and notes; of the larger set as many are left out as the smaller lacks.

    Raises : UserError for fewer than two light fields in a set
    """
    size = min(len(generated.ids), len(reference.ids))
    if size < 2:
        raise UserError(f"{generated.name} and {reference.name} need two or more light fields each")
    rows = (chosen_by_hash(one.ids, size, protocol.seed) for one in (generated, reference))
    union = np.concatenate([one.fields[some] for one, some in zip((generated, reference), rows, strict=True)])
    metrics, notes = set_metrics(Sets(LightFieldPairs(union), size), protocol, NAME)
    for role, one in (("generated", generated), ("reference", reference)):
        if one.failed:
            item, reason = one.failed[0]
            notes.append(f"{len(one.failed)} {role} shapes gave no light field, the first {item}: {reason}")
    return metrics, notes


class _Kept:
    """Light fields that a file keeps from run to run; without a file, none."""

    def __init__(self, path: Path | None) -> None:
        self._path, self._new = path, False
        self._known: dict[str, LightField] = {}
        if path is None or not path.is_file():
            return
        try:
            with np.load(path, allow_pickle=False) as content:
                version, keys, fields = str(content["version"]), content["sha256"].tolist(), content["fields"]
        except Exception as error:  # numpy and zipfile each have their own errors for a broken file
            raise_if_machine(error, path)
            raise UserError(f"{path}: not a readable cache of light fields ({error}); remove it") from error
        if version == VERSION and fields.shape[1:] == SHAPE:  # else all are made again
            self._known = dict(zip(keys, fields, strict=True))

    def light_field(self, path: Path) -> LightField:
        if not path.is_file():
            raise UserError(f"{path.name}: file is missing")
        if self._path is None:
            return _of_file(path)
        key = sha256_file(path)
        if key not in self._known:
            self._known[key] = _of_file(path)
            self._new = True
        return self._known[key]

    def save(self) -> None:
        if self._path is None or not self._new:
            return
        keys = sorted(self._known)
        with beside(self._path) as scratch:
            fields = np.stack([self._known[key] for key in keys])
            np.savez_compressed(scratch, version=np.array(VERSION), sha256=np.array(keys), fields=fields)


def _of_file(path: Path) -> LightField:
    vertices, faces = read_mesh_file(path, path.name)
    return light_field(vertices, faces, path.name)
