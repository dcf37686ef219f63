"""Who takes part in which bout, in which seat, and what a row of it is worth."""

from __future__ import annotations

from dataclasses import dataclass, field

from dsomgnn.processor import fast_dtype, format_name

MERGED, SINGLE, POSITIVE, ASKED = "merged", "single", "positive", "asked"


@dataclass(frozen=True)
class Contender:
    """`make`: module and function under `speed`, called with the work and `options`.

    Contenders of one `seat` share a process. `counts`: a row is a distinct query, a directed triple, an original
    triple with its negatives, or a test query. `package`: what must be installed.
    """

    name: str
    make: str
    seat: str
    counts: str
    options: dict[str, object] = field(default_factory=dict)
    package: str | None = None


def _peer(name: str, make: str, counts: str, package: str) -> Contender:
    return Contender(name, f"peers:{make}", make, counts, package=package)


def _typed(name: str, make: str, seat: str, dtype: str, **options: object) -> Contender:
    return Contender(f"{name}, {dtype}", make, seat, MERGED, {"dtype": dtype, **options})


FAST = format_name(fast_dtype())  # what a recipe that asks for bfloat16 multiplies in here
TYPES = tuple(dict.fromkeys(("float32", FAST)))
TRAIN = {t: _typed("dsomgnn", "ours:train", "ours", t) for t in TYPES}
TAUGHT = {t: _typed("dsomgnn, taught", "ours:distil", f"taught {t}", t) for t in TYPES}
STEP = {t: _typed("products alone", "products:training", "products", t) for t in TYPES}
LESSON = {t: _typed("products alone, taught", "products:training", "products", t, taught=True) for t in TYPES}
PLAIN = Contender("plain autograd", "plain:train", "plain", SINGLE)
RANK = Contender("dsomgnn, ranking", "ours:rank", "ranking", ASKED)
PLAIN_RANK = Contender("plain loop, ranking", "plain:rank", "plain", ASKED)
ANSWERS = Contender("products alone, ranking", "products:ranking", "products", ASKED)
PYKEEN = _peer("PyKEEN LCWA", "pykeen_train", MERGED, "pykeen")
PYKEEN_RANK = _peer("PyKEEN, ranking", "pykeen_rank", ASKED, "pykeen")
TORCHKGE_RANK = _peer("TorchKGE, ranking", "torchkge_rank", ASKED, "torchkge")
PYG_RANK = _peer("PyG, ranking", "pyg_rank", ASKED, "torch_geometric")
TORCHKGE = _peer("TorchKGE, negatives", "torchkge_negatives", POSITIVE, "torchkge")
PYG = _peer("PyG, negatives", "pyg_negatives", POSITIVE, "torch_geometric")

BOUTS: dict[str, list[Contender]] = {
    "train": [*(c for t in TYPES for c in (STEP[t], TRAIN[t])), PLAIN, PYKEEN],
    "distil": [c for t in TYPES for c in (LESSON[t], TAUGHT[t])],
    "rank": [ANSWERS, RANK, PLAIN_RANK, PYKEEN_RANK, TORCHKGE_RANK, PYG_RANK],
    "negatives": [TRAIN[FAST], TORCHKGE, PYG],
}
CONTENDERS = {c.name: c for bout in BOUTS.values() for c in bout}
