"""Which shapes are to be made, and what the manifest says of each: by a user's own words and files, or for a split."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from argus3d.complete import cut_part, read_part
from argus3d.data.files import npz, sha256_file
from argus3d.data.formats.images import image_from_bytes, load_image
from argus3d.data.prepared import PreparedShape
from argus3d.errors import UserError
from argus3d.generator import requests
from argus3d.prompts import Request
from argus3d.render import png_bytes
from argus3d.samples import slug

BY = ("text", "image", "category", "nothing")
PARTS = "parts.npz"  # what completions were made of: an array (M, 3) by the `shape` of their records


@dataclass(frozen=True)
class Wanted:
    """Shapes to make.

    facts : by id, what the record of a sample says beside: `given` is what the generator was given, by kind; samples
        for a shape or a part name it (`shape`), and all are counted (`number`)
    settings : what decides the shapes, beside how tokens are drawn
    files : by path in the folder, what was given
    """

    requests: Sequence[Request]
    facts: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of conditions beside the class, the same for all."""
        return self.requests[0].kinds if self.requests else ()


@dataclass(frozen=True)
class _Prompt:
    """What some samples are made of; the id is what theirs begin with, and `given` is as in their records."""

    request: Request
    given: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


def by_words(category: str | None, text: str | None, image: Path | None, count: int) -> Wanted:
    """`count` shapes of a class, a text, a picture, several of these or nothing; ids such as a-low-round-table-0003.

    Raises: UserError for a file that is no image.
    """
    prompt = _prompt(category, text, image)
    alone = text is None and image is None  # then ids and settings are what they always were
    name = category or "shape" if alone else prompt.request.id or "sample"
    named = replace(prompt, request=replace(prompt.request, id=name))
    return _counted([named], count, "04d", {} if alone else {"given": _decisive(prompt)})


def by_part(
    path: Path, category: str | None, text: str | None, image: Path | None, count: int, points: int, seed: int
) -> Wanted:
    """`count` completions of the part in a file, of at most `points` points; else as `by_words`.

    Raises: UserError for a file that holds no part, see `read_part`.
    """
    part, prompt = read_part(path, points, seed), _prompt(category, text, image)
    name = slug(path.stem) or "part"
    facts = prompt.facts | {"shape": name, "part": {"file": path.name, "sha256": sha256_file(path)}}
    request = replace(prompt.request, id="-".join(filter(None, [name, prompt.request.id])), part=part)
    whole = _Prompt(request, prompt.given | {"part": path.name}, facts, prompt.files | {PARTS: npz({name: part})})
    return _counted([whole], count, "04d", {"given": _decisive(whole)})


def like_classes(shapes: Sequence[PreparedShape]) -> Wanted:
    """As many of each class as there are among shapes."""
    counts = Counter(shape.category for shape in shapes)
    return Wanted([request for category in sorted(counts) for request in requests(category, counts[category])])


def like_shapes(shapes: Sequence[PreparedShape], by: str, each: int, split: str) -> Wanted:
    """`each` samples for each of some shapes, ids such as <shape>-3.

    by : one of `BY`: the caption, the first view, the class, or nothing of the shape
    split : how manifests call the shapes

    Raises: UserError for a shape that has no caption or no view.
    """
    prompts = [_of_shape(shape, by) for shape in shapes]
    return _counted(prompts, each, "d", {"like": split, "by": by, "each": each})


def like_parts(shapes: Sequence[PreparedShape], cut: str, each: int, points: int, seed: int, split: str) -> Wanted:
    """`each` completions of a part of each of some shapes, see `cut_part`; ids such as <shape>-3."""
    parts = {shape.id: cut_part(shape, cut, points, seed) for shape in shapes}
    prompts = [_Prompt(Request(shape.id, part=parts[shape.id]), {"part": cut}, _about(shape)) for shape in shapes]
    wanted = _counted(prompts, each, "d", {"like": split, "cut": cut, "each": each})
    return replace(wanted, files={PARTS: npz(parts)})


def _prompt(category: str | None, text: str | None, image: Path | None) -> _Prompt:
    given = {kind: said for kind, said in {"category": category, "text": text}.items() if said is not None}
    words = [slug(word) for word in (category, text, image.stem if image else None) if word is not None]
    request = Request("-".join(filter(None, words)), category, text)
    if image is None:
        return _Prompt(request, given)
    pixels, path = load_image(image), f"given/{slug(image.stem) or 'image'}.png"
    facts = {"image": {"file": image.name, "sha256": sha256_file(image)}}
    return _Prompt(replace(request, image=pixels), given | {"image": path}, facts, {path: png_bytes(pixels)})


def _decisive(prompt: _Prompt) -> dict[str, Any]:
    """What was given, by the content of files where there are any."""
    return prompt.given | {kind: prompt.facts[kind]["sha256"] for kind in ("image", "part") if kind in prompt.facts}


def _of_shape(shape: PreparedShape, by: str) -> _Prompt:
    """What one of `BY` says of a shape."""
    request, facts = Request(shape.id), _about(shape)
    if by == "category":
        return _Prompt(replace(request, category=shape.category), {by: shape.category}, facts)
    if by == "text":
        caption = str(shape.record.get("caption", ""))
        if not caption:
            raise UserError(f"{shape.id} has no caption; choose another --by, or a split of shapes that have one.")
        return _Prompt(replace(request, text=caption), {by: caption}, facts)
    if by == "image":
        views, path = shape.views(), f"given/{shape.id}.png"
        if not views:
            raise UserError(f"{shape.id} has no views; make them by `argus3d data prepare`, with --views.")
        pixels = image_from_bytes(views[0], f"view 0 of {shape.id}")
        return _Prompt(replace(request, image=pixels), {by: path}, facts, {path: png_bytes(pixels)})
    return _Prompt(request, {}, facts)


def _about(shape: PreparedShape) -> dict[str, Any]:
    """The class is what the shape is, whether the generator was told or not."""
    return {"shape": shape.id, "category": shape.category}


def _counted(prompts: Sequence[_Prompt], count: int, form: str, settings: Mapping[str, Any]) -> Wanted:
    """`count` samples of each prompt, numbered in a format."""
    numbered = [
        (prompt, f"{prompt.request.id}-{number:{form}}", number) for prompt in prompts for number in range(count)
    ]
    return Wanted(
        [replace(prompt.request, id=name) for prompt, name, _ in numbered],
        {name: prompt.facts | {"number": number, "given": prompt.given} for prompt, name, number in numbered},
        settings,
        {path: content for prompt in prompts for path, content in prompt.files.items()},
    )
