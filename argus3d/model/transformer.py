"""Stage 2: a GPT over token grids."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from argus3d.config import TransformerConfig
from argus3d.errors import UserError


@dataclass
class KeyValueCache:
    """Keys and values of all positions seen, one pair of (B, H, length, D/H) a layer, allocated once."""

    keys: list[Tensor]
    values: list[Tensor]
    filled: int = 0

    @classmethod
    def empty(cls, config: TransformerConfig, batch: int, like: Tensor) -> "KeyValueCache":
        """Room for the class, the start vector and all tokens, in the dtype and on the device of `like`."""
        shape = (batch, config.heads, config.tokens + 1, config.width // config.heads)
        keys, values = ([like.new_zeros(shape) for _ in range(config.layers)] for _ in range(2))
        return cls(keys, values)

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store the new positions of a layer and return all of that layer so far."""
        end = self.filled + keys.shape[2]
        self.keys[layer][:, :, self.filled : end] = keys
        self.values[layer][:, :, self.filled : end] = values
        return self.keys[layer][:, :, :end], self.values[layer][:, :, :end]


class _Attention(nn.Module):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads, self.dropout = config.heads, config.dropout
        self.query, self.key, self.value, self.proj = (nn.Linear(config.width, config.width) for _ in range(4))

    def forward(self, x: Tensor, layer: int, cache: KeyValueCache | None) -> Tensor:
        query, key, value = (
            linear(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for linear in (self.query, self.key, self.value)
        )  # (B, H, T, D/H)
        if cache is not None:
            key, value = cache.extend(layer, key, value)
        # New positions see all cached ones; among several new positions, which come first of all, the past only.
        causal = query.shape[2] > 1
        dropout = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout, is_causal=causal)
        return F.dropout(self.proj(y.transpose(1, 2).flatten(2)), dropout)


class _Block(nn.Module):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.attn = _Attention(config)
        self.mlp = nn.Sequential(
            nn.Linear(config.width, 4 * config.width), nn.GELU(), nn.Linear(4 * config.width, config.width),
            nn.Dropout(config.dropout / 10),  # the released model drops 0.1 in attention and 0.01 here
        )  # fmt: skip

    def forward(self, x: Tensor, layer: int, cache: KeyValueCache | None) -> Tensor:
        x = x + self.attn(self.ln1(x), layer, cache)
        return x + self.mlp(self.ln2(x))


class _Head(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln1, self.dense, self.ln2 = nn.LayerNorm(width), nn.Linear(width, width), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.ln2(F.gelu(self.dense(self.ln1(x))))


class ShapeTransformer(nn.Module):
    """Causal transformer over [class][start][tokens]; the output layer is the token embedding.

    Source: Argus-3D (arXiv 2402.12225) section 3.2, in the form of the released model: pre-norm blocks, exact GELU,
    the class has no position, and the start vector has the first.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.emb = nn.Embedding(config.vocabulary, config.width)
        self.pos_emb = nn.Embedding(config.positions + 1, config.width)
        self.class_embedding = nn.Embedding(config.classes, config.width)
        self.value_start = nn.Parameter(torch.empty(1, config.width))
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.layers))
        self.head = _Head(config.width)
        self.bias_value = nn.Parameter(torch.zeros(config.vocabulary))
        nn.init.normal_(self.value_start, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, tokens: Tensor, condition: Tensor) -> Tensor:
        """tokens (B, T) int64, condition (B,) int64 class indices -> logits (B, T, V); row j predicts token j.

        Token j is not visible to row j, so the last token changes nothing.
        """
        return self._logits(self._run(self._prefix(tokens[:, :-1], condition), None)[:, 1:])

    def start(self, condition: Tensor, cache: KeyValueCache) -> Tensor:
        """Read the condition (B,) into an empty cache; logits (B, V) of token 0."""
        empty = condition.new_empty((len(condition), 0))
        return self._logits(self._run(self._prefix(empty, condition), cache)[:, -1])

    def advance(self, token: Tensor, cache: KeyValueCache) -> Tensor:
        """Read the next token (B,) into the cache; logits (B, V) of the one after it."""
        position = self.pos_emb.weight[cache.filled - 1]  # the class takes one place of the cache and has no position
        return self._logits(self._run((self.emb(token) + position)[:, None], cache)[:, 0])

    def _prefix(self, tokens: Tensor, condition: Tensor) -> Tensor:
        length = tokens.shape[1]
        if length >= self.config.tokens:
            raise UserError(f"{length + 1} tokens are more than the {self.config.tokens} of this transformer.")
        classes = self.class_embedding(condition)[:, None]
        values = torch.cat([self.value_start.expand(len(tokens), 1, -1), self.emb(tokens)], 1)
        return torch.cat([classes, values + self.pos_emb.weight[: length + 1]], 1)  # (B, length + 2, D)

    def _run(self, x: Tensor, cache: KeyValueCache | None) -> Tensor:
        for layer, block in enumerate(self.blocks):
            x = block(x, layer, cache)
        if cache is not None:
            cache.filled += x.shape[1]
        return x

    def _logits(self, x: Tensor) -> Tensor:
        return F.linear(self.head(x), self.emb.weight, self.bias_value)
