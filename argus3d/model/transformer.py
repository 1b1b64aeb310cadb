"""Stage 2: a GPT over token grids."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from argus3d.config import TransformerConfig
from argus3d.errors import UserError
from argus3d.model.conditions import ConditionEmbedding, Conditions
from argus3d.model.places import waves

BLOCK = 160  # rows of attention at a time; at 640 positions, 80 and 320 took as long or longer


def causal_in_blocks(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Causal attention of (B, H, T, D) in bfloat16, block by block of rows: what lies right of one is not computed.

    On CPUs with products in bfloat16 it takes half the time of torch's own, backward included.
    """
    rows = query.shape[0]
    query, key, value = (tensor.flatten(0, 1) for tensor in (query, key, value))
    scale, blocks = query.shape[-1] ** -0.5, []
    with torch.autocast(query.device.type, enabled=False):  # which would take the softmax, and all after it, to float32
        for start in range(0, query.shape[1], BLOCK):
            block = query[:, start : start + BLOCK]
            end = start + block.shape[1]
            later = torch.full((1, block.shape[1], end), -torch.inf, dtype=query.dtype).triu(start + 1)
            scores = torch.baddbmm(later, block, key[:, :end].transpose(1, 2), alpha=scale)
            blocks.append(torch.bmm(torch.softmax(scores, -1), value[:, :end]))
    return torch.cat(blocks, 1).unflatten(0, (rows, -1))


class _Attention(nn.Module):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads, self.dropout = config.heads, config.dropout
        self.query, self.key, self.value, self.proj = (nn.Linear(config.width, config.width) for _ in range(4))
        self._joined: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            linear(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for linear in (self.query, self.key, self.value)
        )  # (B, H, T, D/H)
        dropout = self.dropout if self.training else 0.0
        if query.device.type == "cpu" and query.dtype == torch.bfloat16 and dropout == 0:
            y = causal_in_blocks(query, key, value)
        else:
            y = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout, is_causal=True)
        return F.dropout(self.proj(y.transpose(1, 2).flatten(2)), dropout)

    def joined(self) -> tuple[Tensor, Tensor]:
        """Query, key and value as one product: weight (3D, D) and bias (3D,), of which the parameters become views.

        One product of three times the size reads memory better than three, and views cost no second copy.
        """
        layers = (self.query, self.key, self.value)
        # Parameters that were given other storage since, by a load or a move, are joined again.
        if self._joined is None or self._joined[0].data_ptr() != self.query.weight.data_ptr():
            weight = torch.cat([layer.weight.detach() for layer in layers])
            bias = torch.cat([layer.bias.detach() for layer in layers])
            for layer, part, shift in zip(layers, weight.chunk(3), bias.chunk(3), strict=True):
                layer.weight.data, layer.bias.data = part, shift
            self._joined = weight, bias
        return self._joined


class Block(nn.Module):
    """Attention, then two linear layers, each on the normalised input and added to it: (B, T, D) -> (B, T, D)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.attn = _Attention(config)
        self.mlp = nn.Sequential(
            nn.Linear(config.width, 4 * config.width), nn.GELU(), nn.Linear(4 * config.width, config.width),
            nn.Dropout(config.dropout / 10),  # the released model drops 0.1 in attention and 0.01 here
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class _Head(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln1, self.dense, self.ln2 = nn.LayerNorm(width), nn.Linear(width, width), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.ln2(F.gelu(self.dense(self.ln1(x))))


class ShapeTransformer(nn.Module):
    """Causal transformer over [conditions][start][tokens]; the output layer is the token embedding.

    Source: Argus-3D (arXiv 2402.12225) section 3.2, in the form of the released model: pre-norm blocks, exact GELU,
    the class has no position, and the start vector has the first. The released model has no condition but the class.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.emb = nn.Embedding(config.vocabulary, config.width)
        self.pos_emb = nn.Embedding(config.positions + 1, config.width)
        self.class_embedding = nn.Embedding(config.classes, config.width)
        self.value_start = nn.Parameter(torch.empty(1, config.width))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.head = _Head(config.width)
        self.bias_value = nn.Parameter(torch.zeros(config.vocabulary))
        nn.init.normal_(self.value_start, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
        with torch.no_grad():
            self.pos_emb.weight[: config.tokens] = waves(config.tokens, config.width)
        self.conditions = ConditionEmbedding(config)  # which begins by rules of its own

    def forward(self, tokens: Tensor, condition: Tensor | Conditions) -> Tensor:
        """tokens (B, T) int64, condition (B,) int64 class indices or more -> logits (B, T, V); row j predicts token j.

        Token j is not visible to row j, so the last token changes nothing.
        Raises: UserError for more tokens than there are positions, or conditions that are not those of the config.
        """
        length = tokens.shape[1]
        if length > self.config.tokens:
            raise UserError(f"{length} tokens are more than the {self.config.tokens} of this transformer.")
        conditions = Conditions.of(condition)
        values = torch.cat([self.value_start.expand(len(tokens), 1, -1), self.emb(tokens[:, :-1])], 1)
        prefix, beside = self.prefix(conditions), self.conditions.at_places(conditions)
        places = self.pos_emb.weight[:length] if beside is None else self.pos_emb.weight[:length] + beside[:, :length]
        x = torch.cat([prefix, values + places], 1)  # (B, P + T, D)
        for block in self.blocks:
            x = block(x)
        return F.linear(self.head(x[:, prefix.shape[1] :]), self.emb.weight, self.bias_value)

    def prefix(self, condition: Tensor | Conditions) -> Tensor:
        """What stands before the start vector: (B, P, D)."""
        places = self.pos_emb.weight[: self.config.tokens]
        vectors: Tensor = self.conditions(Conditions.of(condition), self.class_embedding, places)
        return vectors
