"""One position at a time through the transformer: a static cache, and CUDA graphs where there is a GPU."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from argus3d.model.transformer import Block, ShapeTransformer

# Matrix products of other shapes round otherwise, and one token in some millions would come out different. Products are
# therefore always made with this many rows, of which the first hold samples: a sample is the same in any batch. On a
# GPU 64 rows cost what one costs, the weights being read once either way.
TILES = {"cpu": 16, "cuda": 64}

# A captured graph attends to a fixed number of positions; one graph for every so many wastes a few percent of reading.
BUCKET = 64

# Other attention kernels share out one row's work by how many rows there are, and so round by it.
_KERNELS = [SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]

Choose = Callable[[Tensor, Tensor], Tensor]  # logits (B, V) float32, uniform numbers (B,) -> tokens (B,)


def tile_of(device: torch.device) -> int:
    """Most rows that are decoded together on a device."""
    return TILES.get(device.type, TILES["cpu"])


class StepDecoder:
    """Writes token grids of `rows` samples; all state stands in tensors that never move.

    rows : samples at a time, at most `tile_of` the device
    choose : picks the tokens of a step; must not synchronise with the host
    """

    def __init__(self, transformer: ShapeTransformer, rows: int, choose: Choose) -> None:
        config, like = transformer.config, transformer.emb.weight
        self.transformer, self.rows, self.choose = transformer, rows, choose
        self.device, self.width = like.device, config.width
        self.heads = (config.heads, config.width // config.heads)
        length = bucket_of(config.tokens + 1)  # the class, the start vector and all tokens but the last
        self.cache = like.new_zeros((config.layers, 2, rows, self.heads[0], length, self.heads[1]))
        self.input = like.new_zeros((tile_of(self.device), config.width))
        self.position = torch.zeros(1, dtype=torch.int64, device=self.device)
        self.places = torch.arange(length, device=self.device)
        self.uniform = torch.zeros((rows, config.tokens), dtype=torch.float64, device=self.device)
        self.known = torch.full((rows, config.tokens), -1, device=self.device)
        self.tokens = torch.empty_like(self.known)
        # Logits in float32 whatever the weights: among 8,192 logits in bfloat16 hundreds are equal.
        self.output, self.bias = like.float(), transformer.bias_value.float()
        self.layers = [(block, *block.attn.joined()) for block in cast(Iterable[Block], transformer.blocks)]
        self.graphs: dict[int, torch.cuda.CUDAGraph] = {}

    @torch.no_grad()
    def run(
        self, condition: Tensor, uniform: Tensor, known: Tensor, steps: int, progress: Callable[[int], None] | None
    ) -> Tensor:
        """The first `steps` tokens of each row.

        condition : (rows,) int64; uniform : (rows, T) float64; known : (rows, T) int64, -1 where a token is sampled
        progress : told the steps done since it was last told

        Returns (rows, steps) int64.
        """
        if self.device.type == "cuda" and not self.graphs:
            self.capture()
        self.uniform.copy_(uniform)
        self.known.copy_(known)
        self._begin(condition)
        waiting: list[tuple[torch.cuda.Event | None, int]] = []
        for first in range(0, steps, BUCKET):
            last = min(first + BUCKET, steps)
            for step in range(first, last):
                self.advance(step + 2)
            if progress is not None:
                # On a GPU one bucket stays queued behind the one that is waited for, so that it never idles.
                waiting.append((self._event(), last - first))
                if len(waiting) > 1 or self.device.type != "cuda":
                    _tell(progress, *waiting.pop(0))
        for event, done in waiting:
            if progress is not None:
                _tell(progress, event, done)
        return self.tokens[:, :steps].clone()

    def _begin(self, condition: Tensor) -> None:
        """Read the condition, which has no position, and stand before the start vector, which has the first."""
        model = self.transformer
        self.position.zero_()
        self.input.zero_()
        self.input[: self.rows] = model.class_embedding(condition)
        self._blocks(1, None)
        self.input[: self.rows] = model.value_start + model.pos_emb.weight[0]
        self.position.fill_(1)

    def advance(self, length: int) -> None:
        """One token; afterwards `length` positions are in the cache."""
        if self.device.type != "cuda":
            self._step(length, None)
            return
        bucket = bucket_of(length)
        if bucket in self.graphs:
            self.graphs[bucket].replay()
        else:
            self.masked_step(bucket)

    def masked_step(self, bucket: int) -> None:
        """One token, attending to `bucket` positions of which those that are not yet filled are masked."""
        with sdpa_kernel(_KERNELS) if self.device.type == "cuda" else nullcontext():
            self._step(bucket, (self.places[:bucket] <= self.position)[None, None, None])

    def _step(self, length: int, mask: Tensor | None) -> None:
        """Read the input at `position` over `length` positions of the cache, choose a token, write the next input."""
        model = self.transformer
        hidden = model.head(self._blocks(length, mask))
        logits = F.linear(hidden.float(), self.output, self.bias)[: self.rows]
        step = self.position - 1
        known = self.known.index_select(1, step)[:, 0]
        chosen = self.choose(logits, self.uniform.index_select(1, step)[:, 0])
        token = torch.where(known >= 0, known, chosen)
        self.tokens.index_copy_(1, step, token[:, None])
        self.input[: self.rows] = model.emb(token) + model.pos_emb(self.position)
        self.position += 1

    def _blocks(self, length: int, mask: Tensor | None) -> Tensor:
        """The blocks on the input: (tile, D). Attention takes each row alone and leaves out those beyond `rows`."""
        x = self.input
        for (block, weight, bias), cache in zip(self.layers, self.cache, strict=True):
            mixed = F.linear(block.ln1(x), weight, bias)[: self.rows]
            new = mixed.view(self.rows, 3, *self.heads).transpose(0, 1)[:, :, :, None]  # (3, rows, H, 1, D/H)
            cache.index_copy_(3, self.position, new[1:])
            keys, values = cache[:, :, :, :length]
            seen = F.scaled_dot_product_attention(new[0], keys, values, attn_mask=mask)
            x = x + block.attn.proj(self._filled(seen.reshape(self.rows, self.width)))
            x = x + block.mlp(block.ln2(x))
        return x

    def _filled(self, rows: Tensor) -> Tensor:
        """`rows` with zeros below, up to the tile."""
        return F.pad(rows, (0, 0, 0, len(self.input) - self.rows))

    def _event(self) -> torch.cuda.Event | None:
        if self.device.type != "cuda":
            return None
        event = torch.cuda.Event()
        event.record()
        return event

    def capture(self) -> None:
        """Record a step for each bucket of lengths: the host then makes one call a step, not some five hundred."""
        pool = torch.cuda.graph_pool_handle()
        for length in range(BUCKET, self.cache.shape[4] + 1, BUCKET):
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):  # libraries set themselves up outside of what is recorded
                self.position.fill_(1)
                self.masked_step(length)
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            self.position.fill_(1)
            with torch.cuda.graph(graph, pool=pool):
                self.masked_step(length)
            self.graphs[length] = graph


def bucket_of(length: int) -> int:
    """`length` rounded up to a multiple of `BUCKET`."""
    return -(-length // BUCKET) * BUCKET


def _tell(progress: Callable[[int], None], event: torch.cuda.Event | None, done: int) -> None:
    if event is not None:
        event.synchronize()
    progress(done)
