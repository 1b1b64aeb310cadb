"""One position at a time through the transformer: a static cache, and CUDA graphs where there is a GPU."""

from collections.abc import Callable, Collection, Iterable
from contextlib import nullcontext
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from argus3d.model.conditions import Conditions, prefix_length
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


def samples_of(device: torch.device, guided: bool) -> int:
    """Most shapes that are decoded together on a device; a guided one takes two rows."""
    return tile_of(device) // (2 if guided else 1)


class _Linear(NamedTuple):
    """A linear layer as `addmm` takes it; calling modules would take a quarter of a step of a small model."""

    bias: Tensor
    weight: Tensor  # (in, out), a view

    @classmethod
    def of(cls, module: nn.Linear) -> "_Linear":
        return cls(module.bias.detach(), module.weight.detach().T)

    def __call__(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, x, self.weight)


class _Norm(NamedTuple):
    """A layer norm over the width."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, module: nn.LayerNorm) -> "_Norm":
        return cls(module.weight.detach(), module.bias.detach())

    def __call__(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[1:], self.weight, self.bias)


class _Layer(NamedTuple):
    """What a block computes with: query, key and value as one product."""

    before: _Norm
    mix: _Linear
    proj: _Linear
    between: _Norm
    widen: _Linear
    narrow: _Linear

    @classmethod
    def of(cls, block: Block) -> "_Layer":
        weight, bias = block.attn.joined()
        widen, narrow = cast(nn.Linear, block.mlp[0]), cast(nn.Linear, block.mlp[2])
        return cls(
            _Norm.of(block.ln1), _Linear(bias, weight.T), _Linear.of(block.attn.proj),
            _Norm.of(block.ln2), _Linear.of(widen), _Linear.of(narrow),
        )  # fmt: skip


class StepDecoder:
    """Writes token grids of `samples` shapes; all state stands in tensors that never move.

    samples : shapes at a time; each takes a row, or two where it is guided, of at most `tile_of` the device
    choose : picks the tokens of a step; must not synchronise with the host
    kinds : of the conditions that rows come with, beside the class
    guidance : None for conditional logits alone; else rows come in pairs, and logits are those without conditions plus
        this many times what conditions add. Source: Ho and Salimans 2022, eq. 6 with w = guidance - 1
    """

    def __init__(
        self, transformer: ShapeTransformer, samples: int, choose: Choose, kinds: Collection[str] = (),
        guidance: float | None = None,
    ) -> None:  # fmt: skip
        config, like = transformer.config, transformer.emb.weight
        self.transformer, self.samples, self.choose = transformer, samples, choose
        self.kinds, self.guidance = frozenset(kinds), guidance
        self.prefix = prefix = prefix_length(config, kinds)
        self.rows = rows = samples if guidance is None else 2 * samples
        self.device, self.width = like.device, config.width
        self.heads = (config.heads, config.width // config.heads)
        length = bucket_of(prefix + config.tokens)  # conditions, the start vector and all tokens but the last
        self.cache = like.new_zeros((config.layers, 2, rows, self.heads[0], length, self.heads[1]))
        self.input = like.new_zeros((tile_of(self.device), config.width))
        self.position = torch.zeros(1, dtype=torch.int64, device=self.device)
        self.places = torch.arange(length, device=self.device)
        # Places of tokens, and what a part says at them; that of the token behind the last is read, too, and not used.
        self.standing = transformer.pos_emb.weight[None, : config.tokens + 1].detach()
        if "part" in self.kinds:
            self.standing = self.standing.repeat(rows, 1, 1)
        self.uniform = torch.zeros((samples, config.tokens), dtype=torch.float64, device=self.device)
        self.known = torch.full((samples, config.tokens), -1, device=self.device)
        self.tokens = torch.empty_like(self.known)
        # Logits in float32 whatever the weights: among 8,192 logits in bfloat16 hundreds are equal.
        self.output = _Linear(transformer.bias_value.detach().float(), like.detach().float().T)
        self.layers = [_Layer.of(block) for block in cast(Iterable[Block], transformer.blocks)]
        self.caches = self.cache.unbind()
        head = transformer.head
        self.head = _Norm.of(head.ln1), _Linear.of(head.dense), _Norm.of(head.ln2)
        self.seen = torch.zeros_like(self.input)  # what attention gives, zeros below `rows`
        self.graphs: dict[int, torch.cuda.CUDAGraph] = {}

    def run(
        self, condition: Tensor | Conditions, uniform: Tensor, known: Tensor, steps: int,
        progress: Callable[[int], None] | None,
    ) -> Tensor:  # fmt: skip
        """The first `steps` tokens of each sample.

        condition : class indices (samples,) int64 or more, see `Conditions`
        uniform : (samples, T) float64; known : (samples, T) int64, -1 where a token is sampled
        progress : told the steps done since it was last told

        Returns (samples, steps) int64.
        """
        with torch.inference_mode():
            self._run(Conditions.of(condition), uniform, known, steps, progress)
        return self.tokens[:, :steps].clone()

    def _run(
        self, conditions: Conditions, uniform: Tensor, known: Tensor, steps: int,
        progress: Callable[[int], None] | None,
    ) -> None:  # fmt: skip
        if self.device.type == "cuda" and not self.graphs:
            self.capture()
        self.uniform.copy_(uniform)
        self.known.copy_(known)
        self._begin(conditions)
        waiting: list[tuple[torch.cuda.Event | None, int]] = []
        for first in range(0, steps, BUCKET):
            last = min(first + BUCKET, steps)
            for step in range(first, last):
                self.advance(self.prefix + step + 1)
            if progress is not None:
                # On a GPU one bucket stays queued behind the one that is waited for, so that it never idles.
                waiting.append((self._event(), last - first))
                if len(waiting) > 1 or self.device.type != "cuda":
                    _tell(progress, *waiting.pop(0))
        for event, done in waiting:
            if progress is not None:
                _tell(progress, event, done)

    def _begin(self, conditions: Conditions) -> None:
        """Read the conditions, which have no positions, and stand before the start vector, which has the first."""
        model = self.transformer
        asked = conditions if self.guidance is None else conditions.joined(conditions.dropped())
        # Row by row: a product over all rows would round by how many there are.
        rows = torch.arange(self.rows, device=self.device).split(1)
        vectors = torch.cat([model.prefix(asked.rows(row)) for row in rows])  # (rows, P, D)
        if "part" in self.kinds:
            for row in rows:
                beside = model.conditions.at_places(asked.rows(row))
                assert beside is not None
                self.standing[row, :-1] = model.pos_emb.weight[: beside.shape[1]] + beside
        self.position.zero_()
        self.input.zero_()
        with sdpa_kernel(_KERNELS) if self.device.type == "cuda" else nullcontext():
            for place in range(self.prefix):
                self.input[: self.rows] = vectors[:, place]
                self._blocks(place + 1, None)
                self.position += 1
        self.input[: self.rows] = model.value_start + self.standing[:, 0]

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
        model, (before, dense, after) = self.transformer, self.head
        hidden = after(F.gelu(dense(before(self._blocks(length, mask)))))
        logits = self._guided(self.output(hidden.float())[: self.rows])
        step = self.position - self.prefix
        known = self.known.index_select(1, step)[:, 0]
        chosen = self.choose(logits, self.uniform.index_select(1, step)[:, 0])
        token = known.where(known >= 0, chosen)
        self.tokens.index_copy_(1, step, token[:, None])
        place = self.standing.index_select(1, step + 1)[:, 0]
        written = model.emb.weight.index_select(0, token).repeat(self.rows // self.samples, 1)
        torch.add(written, place, out=self.input[: self.rows])
        self.position += 1

    def _guided(self, logits: Tensor) -> Tensor:
        """Logits (samples, V) of those of all rows (rows, V), the rows without conditions behind those with them."""
        if self.guidance is None:
            return logits
        asked, free = logits.chunk(2)
        return free + self.guidance * (asked - free)

    def _blocks(self, length: int, mask: Tensor | None) -> Tensor:
        """The blocks on the input: (tile, D). Attention takes each row alone and leaves out those beyond `rows`."""
        x, seen, shape = self.input, self.seen[: self.rows], (self.rows, 3, self.heads[0], 1, self.heads[1])
        for layer, cache in zip(self.layers, self.caches, strict=True):
            mixed = layer.mix(layer.before(x)).narrow(0, 0, self.rows)
            new = mixed.view(shape).transpose(0, 1)  # (3, rows, H, 1, D/H)
            cache.index_copy_(3, self.position, new.narrow(0, 1, 2))
            keys, values = cache.narrow(3, 0, length).unbind()
            attended = F.scaled_dot_product_attention(new[0], keys, values, attn_mask=mask)
            seen.copy_(attended.view(self.rows, self.width))
            x = x + layer.proj(self.seen)
            x = x + layer.narrow(F.gelu(layer.widen(layer.between(x))))
        return x

    def _event(self) -> torch.cuda.Event | None:
        if self.device.type != "cuda":
            return None
        event = torch.cuda.Event()
        event.record()
        return event

    def capture(self) -> None:
        """Record a step for each bucket of lengths: the host then makes one call a step, not some five hundred."""
        pool = torch.cuda.graph_pool_handle()
        for length in range(bucket_of(self.prefix + 1), self.cache.shape[4] + 1, BUCKET):
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):  # libraries set themselves up outside of what is recorded
                self.position.fill_(self.prefix)
                self.masked_step(length)
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            self.position.fill_(self.prefix)
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
