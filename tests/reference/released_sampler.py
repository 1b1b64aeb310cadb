"""Sampling as the released code does it: everything computed again at every step, written plainly.

Source: facts on the released sampler (no cache, logits of all positions, a mask built on the host each time, attention
and GELU as separate operations); the code is ours.
"""

import math

import torch
from torch import Tensor

from argus3d.model.transformer import ShapeTransformer


def _attention(attn: torch.nn.Module, x: Tensor, mask: Tensor) -> Tensor:
    batch, length, width = x.shape
    head = width // attn.heads
    key = attn.key(x).view(batch, length, attn.heads, head).transpose(1, 2)
    query = attn.query(x).view(batch, length, attn.heads, head).transpose(1, 2)
    value = attn.value(x).view(batch, length, attn.heads, head).transpose(1, 2)
    scores = (query @ key.transpose(2, 3)) * (1 / math.sqrt(head))
    weights = scores.masked_fill(mask == 0, -math.inf).softmax(-1)
    return attn.proj((weights @ value).transpose(1, 2).reshape(batch, length, width))


def _gelu(x: Tensor) -> Tensor:
    return x * 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0)))


def logits_of_all(transformer: ShapeTransformer, tokens: Tensor, condition: Tensor) -> Tensor:
    """Logits (B, T + 2, V) of every position of [class][start][tokens (B, T)]."""
    batch, count = tokens.shape
    values = torch.cat([transformer.value_start.expand(batch, 1, -1), transformer.emb(tokens)], 1)
    values = values + transformer.pos_emb.weight[: count + 1]
    x = torch.cat([transformer.class_embedding(condition)[:, None], values], 1)
    for block in transformer.blocks:
        mask = torch.tril(torch.ones(batch, 1, count + 2, count + 2)).to(x.device)
        x = x + _attention(block.attn, block.ln1(x), mask)
        x = x + block.mlp[2](_gelu(block.mlp[0](block.ln2(x))))
    head = transformer.head
    x = head.ln2(_gelu(head.dense(head.ln1(x))))
    return x @ transformer.emb.weight.T + transformer.bias_value


@torch.no_grad()
def sample(
    transformer: ShapeTransformer, condition: Tensor, top_k: int, greedy: bool = False, steps: int | None = None
) -> Tensor:
    """Tokens (B, T), drawn by `torch.multinomial` from the generator that is current; `steps` stops early."""
    length = transformer.config.tokens
    tokens = torch.zeros((len(condition), length), dtype=torch.int64, device=condition.device)
    for step in range(length if steps is None else steps):
        # The token at `step` is a zero still; the row before it predicts it.
        logits = logits_of_all(transformer, tokens[:, : step + 1], condition)[:, step + 1]
        kth = logits.topk(top_k, dim=1).values[:, -1:]
        probability = logits.masked_fill(logits < kth, -math.inf).softmax(1)
        chosen = probability.argmax(1) if greedy else torch.multinomial(probability, 1)[:, 0]
        tokens[:, step] = chosen
    return tokens
