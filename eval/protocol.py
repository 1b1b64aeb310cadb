"""A protocol: every choice behind a number, written down and hashed.

Numbers of two rows may be compared when their protocols have the same hash and their sets the same sizes.

argus3d-v1 takes Chamfer distances on 2,048 points, but earth mover's distances on 256 of them, drawn once by the seed:
an exact assignment of 2,048 points costs 0.4 to 1 s a pair with any library, hours for two sets of a few hundred
shapes, and approximate solvers are about 20 % off and differ from each other. Exact on fewer points says what it is;
its values are higher than those on 2,048 points, as sparser samples lie farther apart.

pointflow, dpm, lion, lion-box and pvd are the choices of the evaluation code that these papers released, for numbers to
be set beside theirs. They take an approximate matching of all 2,048 points for the earth mover's distance; it is named
`emd_approx` or `emd_squared_approx` in results. Their split, and which points of a shape the reference is, come with
the data. ECD, intervals and ties are ours: they have none, or leave them open. argus3d-paper is what is known of the
Argus-3D tables; its evaluation was never released, and `unknowns` says what had to be chosen.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from eval.distances.chamfer import KINDS
from eval.normalize import NORMALIZATIONS

CHOICES: dict[str, tuple[str, ...]] = {
    "normalization": NORMALIZATIONS,
    "chamfer": KINDS,
    "emd": ("mean_euclidean", "mean_squared"),
    "emd_solver": ("exact_assignment", "approximate_matching"),
    "ties": ("lowest_index",),
    "unequal_sets": ("refuse",),
    "interval": ("splits_in_halves",),
}
# Fields that came after results were published: at these values they are left out, so that hashes stay what they were.
ADDED: dict[str, Any] = {"unknowns": (), "covt_cd": None, "covt_emd": None}


@dataclass(frozen=True)
class Protocol:
    """Every choice that moves a number.

    name : what people call it
    points : points a cloud, for Chamfer distances and ECD, 1-NNA, COV, MMD on them
    emd_points : points a cloud for earth mover's distances, drawn once by `seed`, the same positions in every cloud
    f_score_points : points a cloud for F-scores of reconstructions; two samples of 2,048 points of one surface lie
        farther apart than 0.02 at every fifth point, so that even a perfect shape would reach about 0.8
    normalization : see `eval.normalize.normalize`; applied to each cloud of both sets
    chamfer : see `eval.distances.chamfer.chamfer`
    emd : ground cost and reduction of the matching
    emd_solver : how the matching is found; "approximate_matching" see `eval.distances.approxmatch`
    ecd_k : spanning trees in the graph of ECD
    ties : which of two equally near shapes counts as the nearest (generated shapes come before reference shapes)
    unequal_sets : what happens to sets of different sizes
    interval : see `eval.intervals`
    interval_repeats : halves drawn, two a split
    confidence : of the intervals, in (0, 1)
    seed : decides the sampled points, the splits, everything
    covt_cd, covt_emd : largest distance that CovT counts as a match, in the unit of the distance; None leaves CovT out
    unknowns : choices made here for want of a source, one phrase each, where the protocol stands for somebody else's
    """

    name: str
    points: int = 2048
    emd_points: int = 256
    f_score_points: int = 6144
    normalization: str = "box"
    chamfer: str = "squared_mean"
    emd: str = "mean_euclidean"
    emd_solver: str = "exact_assignment"
    ecd_k: int = 10
    ties: str = "lowest_index"
    unequal_sets: str = "refuse"
    interval: str = "splits_in_halves"
    interval_repeats: int = 200
    confidence: float = 0.95
    seed: int = 0
    covt_cd: float | None = None
    covt_emd: float | None = None
    unknowns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse values that no code stands behind."""
        for field, choices in CHOICES.items():
            if getattr(self, field) not in choices:
                raise ValueError(f"protocol {self.name}: {field} is {getattr(self, field)!r}, not one of {choices}")
        for field in ("points", "emd_points", "f_score_points", "ecd_k", "interval_repeats"):
            value = getattr(self, field)
            if type(value) is not int or value < 1:
                raise ValueError(f"protocol {self.name}: {field} must be a whole number above 0, got {value!r}")
        if type(self.seed) is not int or self.seed < 0:
            raise ValueError(f"protocol {self.name}: seed must be a whole number, 0 or more, got {self.seed!r}")
        if self.interval_repeats < 2:
            raise ValueError(f"protocol {self.name}: interval_repeats must be at least 2, a spread needs two values")
        if self.emd_points > self.points:
            raise ValueError(f"protocol {self.name}: emd_points {self.emd_points} is more than points {self.points}")
        if not 0 < self.confidence < 1:
            raise ValueError(f"protocol {self.name}: confidence must lie between 0 and 1, got {self.confidence!r}")
        for field in ("covt_cd", "covt_emd"):
            value = getattr(self, field)
            if value is not None and (type(value) not in (int, float) or not 0 < value < math.inf):
                raise ValueError(f"protocol {self.name}: {field} must be a distance above 0 or left out: {value!r}")
        if not isinstance(self.unknowns, tuple) or not all(isinstance(entry, str) for entry in self.unknowns):
            raise ValueError(f"protocol {self.name}: unknowns must be a list of phrases, got {self.unknowns!r}")

    @property
    def emd_name(self) -> str:
        """What results call this earth mover's distance: "emd" for exact plain distances alone."""
        squared = "_squared" if self.emd == "mean_squared" else ""
        return f"emd{squared}_approx" if self.emd_solver == "approximate_matching" else f"emd{squared}"

    @property
    def hash(self) -> str:
        """sha256 of the canonical JSON of every field (see `ADDED`), hex."""
        canonical = json.dumps(self._written(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """All fields and `hash`, ready for `json.dumps`."""
        return {**self._written(), "hash": self.hash}

    def _written(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if key not in ADDED or value != ADDED[key]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Protocol":
        """Read what `to_json` wrote; a field left out has its default.

        Raises : ValueError for an unknown key, a missing name, or a hash that does not belong to the fields
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(value) - known - {"hash"})
        if unknown:
            raise ValueError(f"unknown protocol key {unknown[0]!r}; known are {', '.join(sorted(known))}")
        if "name" not in value:
            raise ValueError("a protocol needs a name")
        own: dict[str, Any] = {key: entry for key, entry in value.items() if key != "hash"}
        if isinstance(own.get("unknowns"), list):
            own["unknowns"] = tuple(own["unknowns"])
        protocol = cls(**own)
        if "hash" in value and value["hash"] != protocol.hash:
            raise ValueError(f"protocol {protocol.name}: its hash does not belong to its fields; remove the hash")
        return protocol


# Every choice of theirs is spelled out, whatever the defaults.
_POINTFLOW = Protocol(
    "pointflow",
    points=2048,
    emd_points=2048,
    normalization="none",
    chamfer="squared_mean",
    emd="mean_euclidean",
    emd_solver="approximate_matching",
)
_PVD = replace(_POINTFLOW, name="pvd", emd="mean_squared")
_LION_UNKNOWN = "whether the matching costs squares: its own copy of the kernel was not seen, PVD's is taken"

PRESETS = {
    preset.name: preset
    for preset in (
        Protocol("argus3d-v1"),
        Protocol("smoke", points=256, emd_points=32, f_score_points=512, ecd_k=3, interval_repeats=20),
        # Clouds as they come: in the data's coordinates, what one mean and deviation of a category did is undone.
        _POINTFLOW,
        replace(
            _POINTFLOW,
            name="dpm",
            normalization="box_2",
            unknowns=("which EMD the paper's is: the code's was removed and gives 0, PointFlow's is taken",),
        ),
        replace(_PVD, name="lion", unknowns=(_LION_UNKNOWN,)),
        # Of models trained on shapes in boxes of their own: its second table and the one of 13 classes.
        replace(_PVD, name="lion-box", normalization="box", unknowns=(_LION_UNKNOWN,)),
        _PVD,
        Protocol(
            "argus3d-paper",
            points=2048,
            emd_points=2048,
            normalization="box",
            chamfer="squared_mean",
            emd="mean_euclidean",
            emd_solver="exact_assignment",
            ecd_k=10,
            unknowns=(
                "distance: the paper's sizes of MMD fit light-field distances, Chamfer and EMD are taken",
                "points a cloud",
                "normalisation before CD and EMD",
                "kinds of CD and EMD",
                "k of ECD",
                "generated shapes: 2,000 a class in the released script, as many as test shapes in its comments",
                "test split: its sizes are those of a fifth of each ShapeNet class, its ids are not known",
                "threshold of CovT: the mean MMD over the methods of the paper's table; CovT is left out",
                "repeats and seed",
            ),
        ),
    )
}


def get_protocol(name: str) -> Protocol:
    """The preset of that name, or the protocol in the JSON file of that path.

    Raises : ValueError for a name that is neither, or a file that is no protocol
    """
    if name in PRESETS:
        return PRESETS[name]
    path = Path(name)
    if not path.is_file():
        raise ValueError(f"no protocol {name!r}; choose one of {', '.join(PRESETS)}, or give the path of a JSON file")
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON ({error}); write a protocol's fields into it") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path}: expected a JSON object of a protocol's fields")
    try:
        return Protocol.from_json(value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error
