"""ranks.parquet: one row per model and query, for `dsomgnn compare` and for tools of one's own.

model, split, side ("head" or "tail": what was asked for), head, relation, tail (identifiers), head_name, relation_name,
tail_name, optimistic, realistic, pessimistic (float64), score (float32, of the right answer), slices (list), teachers
(list: the agent's most probable set for the query; null where no agent was asked). The file's metadata says of which
run and data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from dsomgnn.data.triples import Dataset
from dsomgnn.rank.ranks import Ranks
from dsomgnn.rank.slices import Slices


def ranks_file(
    data: Dataset,
    split: str,
    ranks: Mapping[str, Ranks],
    slices: Slices,
    chosen: Tensor | None,
    teachers: Sequence[str],
    about: Mapping[str, str],
) -> bytes:
    """The file's content. `chosen` (2n, K): probability of each of `teachers`; `about`: metadata of the file."""
    shared = _queries(data, split)
    n = len(shared["side"])
    masks = torch.stack(list(slices.values()), 1) if slices else torch.empty(n, 0, dtype=torch.bool)
    lists = {
        "slices": _lists(list(slices), masks),
        "teachers": pa.nulls(n, pa.list_(pa.string())) if chosen is None else _lists(teachers, chosen > 0.5),
    }
    tables = [_table(name, shared, found, lists) for name, found in ranks.items()]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.concat_tables(tables).replace_schema_metadata(dict(about)), sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def _table(model: str, shared: Mapping[str, pa.Array], ranks: Ranks, lists: Mapping[str, pa.Array]) -> pa.Table:
    readings = {ties: ranks.by(ties).numpy() for ties in ("optimistic", "realistic", "pessimistic")}
    own = {"model": _repeated(model, len(ranks.side)), **shared, **readings, "score": ranks.score.numpy()}
    return pa.table({**own, **lists})


def _queries(data: Dataset, split: str) -> dict[str, pa.Array]:
    """Split, side and triple of every query, tails asked for first."""
    triples = data.split(split).repeat(2, 1).numpy()
    ends = {"head": data.entities, "relation": data.relations, "tail": data.entities}
    return {
        "split": _repeated(split, len(triples)),
        "side": pa.array(["tail", "head"]).take(np.repeat([0, 1], len(triples) // 2)),
        **{end: pa.array(words.ids).take(triples[:, i]) for i, (end, words) in enumerate(ends.items())},
        **{f"{end}_name": pa.array(words.names).take(triples[:, i]) for i, (end, words) in enumerate(ends.items())},
    }


def _repeated(word: str, times: int) -> pa.Array:
    return pa.repeat(pa.scalar(word), times)


def _lists(names: Sequence[str], masks: Tensor) -> pa.Array:
    """Per row of masks (n, m) the names that hold."""
    ends = torch.cat([torch.zeros(1, dtype=torch.long), masks.sum(1).cumsum(0)])
    values = pa.array(names, pa.string()).take(masks.nonzero()[:, 1].numpy())
    return pa.ListArray.from_arrays(pa.array(ends.int().numpy()), values)
