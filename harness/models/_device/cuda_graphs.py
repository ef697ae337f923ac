"""Decode steps on a GPU, recorded: a 7B model's step starts over a thousand kernels, and Python takes longer to start them
than the GPU to compute them.

What lies between two attentions depends on nothing but the number of rows. These pieces are recorded as CUDA graphs, once for
each number of rows, and replayed from then on; attention runs between them as ever, over keys and values that move as rows
come and go. The number of rows is filled up to a few sizes, whether a step is recorded or not, so that a row's numbers do not
depend on how often a size was seen before.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from harness.core.edge.processes import without_collecting

Attend = Callable[[Any, Tensor, Tensor, Tensor, float], Tensor]  # module, query, key, value, scaling -> (R, 1, heads, dv)
Forward = Callable[[Tensor, Tensor, Attend], Tensor]  # ids (R, 1), positions (R, 1) or (R, 1, 3) -> logits (R, V)
DEVICES = ("cuda",)
_AFTER = 8  # steps of a size before it is recorded: recording takes as long as a few steps
_log = logging.getLogger("harness")


def padded_batch_size(rows: int) -> int:
    """The size for a number of rows: multiples of 8 up to 32, then two sizes to each doubling."""
    step = 8 if rows <= 32 else 1 << ((rows - 1).bit_length() - 2)
    return -(-rows // step) * step


@dataclass(slots=True)
class _Piece:
    """A recorded part of a step, and the attention behind it; the last piece has none."""

    graph: Any  # torch.cuda.CUDAGraph
    asked: tuple[Any, Tensor, Tensor, Tensor, float] | None = None
    out: Tensor | None = None


@dataclass(slots=True)
class _Recorded:
    """A step of a size: what it is given, its pieces, and its logits, all at fixed places in memory."""

    ids: Tensor
    positions: Tensor
    pieces: list[_Piece] = field(default_factory=list)
    logits: Tensor | None = None

    def __call__(self, rows: int, attend: Attend) -> Tensor:
        for piece in self.pieces:
            piece.graph.replay()
            if piece.asked is not None and piece.out is not None:
                module, query, key, value, scaling = piece.asked
                piece.out[:rows] = attend(module, query[:rows], key[:rows], value[:rows], scaling)
        assert self.logits is not None
        return self.logits[:rows]


class CudaGraphSteps:
    """The decode steps of a language model, kept as long as its weights stay where they are."""

    def __init__(self) -> None:
        self._weights: tuple[Any, ...] = ()
        self._seen = Counter[int]()
        self._recorded: dict[int, _Recorded] = {}
        self._pool: Any = None
        self._works = True

    def __deepcopy__(self, memo: Any) -> CudaGraphSteps:
        """A copy of a model has weights of its own, and graphs hold places in memory."""
        return CudaGraphSteps()

    @property
    def sizes(self) -> list[int]:
        """Those that are recorded."""
        return sorted(self._recorded)

    def of(self, module: Any) -> CudaGraphSteps | None:
        """These, for a language model as it is now; None where it cannot be recorded: on a CPU, while it is trained, cast
        automatically or sharded."""
        device = next(module.parameters()).device.type
        if device not in DEVICES or module.training or torch.is_autocast_enabled(device):
            return None
        weights = list(module.parameters())
        if not all(type(w) in (Tensor, torch.nn.Parameter) and w.device.type in DEVICES for w in weights):
            return None
        found = tuple((w.data_ptr(), w.dtype, w.shape) for w in weights)
        if found != self._weights:
            self._weights, self._recorded, self._works = found, {}, True
            self._seen.clear()
        return self

    def step(self, forward: Forward, ids: Tensor, positions: Tensor, attend: Attend) -> Tensor:
        """Logits (R, V) of one more token a row; they lie where the next step writes its own."""
        rows = len(ids)
        size = padded_batch_size(rows)
        ids, positions = (torch.cat([t, t[-1:].expand(size - rows, *t.shape[1:])]) for t in (ids, positions))
        if size in self._recorded:
            own = self._recorded[size]
            own.ids.copy_(ids)
            own.positions.copy_(positions)
            return own(rows, attend)
        self._seen[size] += 1
        logits = forward(ids, positions, _of_first(rows, attend))[:rows]
        if self._works and self._seen[size] >= _AFTER:
            self._record(size, forward, ids, positions)
        return logits

    def _record(self, size: int, forward: Forward, ids: Tensor, positions: Tensor) -> None:
        try:
            with _aside():
                self._pool = self._pool or _new_pool()
                self._recorded[size] = _record(forward, ids.clone(), positions.clone(), self._pool)
        except RuntimeError as error:  # what a graph cannot hold, or memory for it
            self._works = False
            _log.warning("Decode steps are not recorded as CUDA graphs: %s", str(error).splitlines()[0][:200])


def _of_first(rows: int, attend: Attend) -> Attend:
    """Attention of the first rows; the rest are there to fill up, and see nothing."""

    def attended(module: Any, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        found = attend(module, query[:rows], key[:rows], value[:rows], scaling)
        return torch.cat([found, found.new_zeros(len(query) - rows, *found.shape[1:])])

    return attended


def _record(forward: Forward, ids: Tensor, positions: Tensor, pool: Any) -> _Recorded:
    outs: dict[tuple[int, ...], Tensor] = {}  # layers of one shape share one place: each is read before the next is written

    def out_of(query: Tensor, value: Tensor) -> Tensor:
        shape = (len(query), 1, query.shape[1], value.shape[3])
        if shape not in outs:
            outs[shape] = query.new_zeros(shape)
        return outs[shape]

    # libraries are set up, and `outs` made
    forward(ids, positions, lambda module, query, key, value, scaling: out_of(query, value))
    made = _Recorded(ids, positions)

    def begin() -> None:
        made.pieces.append(_Piece(_new_graph()))
        made.pieces[-1].graph.capture_begin(pool=pool, capture_error_mode="thread_local")

    def cut(module: Any, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        piece = made.pieces[-1]
        piece.graph.capture_end()
        piece.asked, piece.out = (module, query, key, value, scaling), out_of(query, value)
        begin()
        return piece.out

    with without_collecting():  # what is collected during a recording may call the GPU, which ends it
        begin()
        try:
            made.logits = forward(ids, positions, cut)
        except BaseException:
            with suppress(RuntimeError):  # it may have ended with the error
                made.pieces[-1].graph.capture_end()
            raise
        made.pieces[-1].graph.capture_end()
    return made


@contextmanager
def _aside() -> Iterator[None]:
    """On a stream of its own, as recording needs."""
    stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        yield
    torch.cuda.current_stream().wait_stream(stream)


def _new_graph() -> Any:  # Any: torch.cuda.CUDAGraph, or what a test records with
    return torch.cuda.CUDAGraph()


def _new_pool() -> Any:  # Any: a pair of numbers, opaque
    return torch.cuda.graph_pool_handle()
