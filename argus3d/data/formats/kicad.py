"""What KiCad's packages say of their models: captions in footprints, licences in the Debian copyright file."""

import fnmatch
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

MAX_DESCRIPTION = 2_000  # letters; the longest of KiCad has a quarter of it, and patterns take their square
_PROPERTY = re.compile(r'\((descr|tags|model)\s+(?:"((?:[^"\\]|\\.)*)"|([^\s()"]+))')


def add_caption(captions: dict[str, str], name: str, text: str) -> None:
    """Keep what a footprint says of its models; the footprint of a model's own name has the last word."""
    values: dict[str, str] = {}
    models = []
    for key, quoted, bare in _PROPERTY.findall(text):
        if key == "model":
            models.append(PurePosixPath(quoted or bare))
        else:
            values.setdefault(key, quoted or bare)
    caption = caption_of(values.get("descr", "")) or caption_of(values.get("tags", ""))
    for model in models if caption else []:
        path = f"{model.parent.name}/{model.stem}.wrl"
        if model.stem == name or path not in captions:
            captions[path] = caption


def caption_of(description: str) -> str:
    """A footprint's description without addresses and the names of scripts, or "" where nothing is left."""
    text = description[:MAX_DESCRIPTION].replace('\\"', '"')
    text = re.sub(r"(?:see )?\b(?:https?://|www\.)(?:\([^\s()]*\)|[^\s()])+", "", text)
    text = re.sub(r"\((?:script )?generated\b[^()]*\)|\b(?:script )?generated\b[^,;()]*", "", text, flags=re.IGNORECASE)
    text = re.sub(r"\([^()]*\.pdf\b[^()]*\)|\([\s,;:]*\)", "", text)
    text = re.sub(r"([,;(])[\s,;]*(?=[,;)])", "", text)
    text = re.sub(r"\b(\w+) \1\b", r"\1", " ".join(text.split())).replace(" ,", ",").replace(" )", ")")
    text = text.strip(" ,;:-|")
    return text if re.search(r"[A-Za-z]{2}", text) else ""


@dataclass(frozen=True)
class Licences:
    """Which paragraph of a copyright file holds for which file."""

    exact: dict[str, tuple[int, str, str]]
    patterns: list[tuple[str, tuple[int, str, str]]]

    def of(self, path: str) -> tuple[str, str]:
        """Short name of the licence, and the holders, of a file; two times "" where no paragraph matches."""
        matches = [entry for pattern, entry in self.patterns if fnmatch.fnmatchcase(path, pattern)]
        matches += [self.exact[path]] if path in self.exact else []
        return max(matches)[1:] if matches else ("", "")


def licences(copyright_text: str) -> Licences:
    """The licences of a Debian copyright file. Source: machine-readable debian/copyright 1.0 (the last match holds)."""
    exact: dict[str, tuple[int, str, str]] = {}
    patterns: list[tuple[str, tuple[int, str, str]]] = []
    for place, paragraph in enumerate(re.split(r"\n\s*\n", copyright_text)):
        fields = dict(re.findall(r"^(Files|Copyright|License):((?:.*(?:\n[ \t].*)*))", paragraph, re.MULTILINE))
        licence = fields.get("License", "").split()
        if "Files" not in fields or not licence:
            continue
        holders = [re.sub(r"^[\d\s,-]+", "", line.strip()) for line in fields.get("Copyright", "").strip().split("\n")]
        entry = (place, licence[0], ", ".join(dict.fromkeys(holders)))
        for name in fields["Files"].split():
            if "*" in name or "?" in name:
                patterns.append((name, entry))
            else:
                exact[name] = entry
    return Licences(exact, patterns)
