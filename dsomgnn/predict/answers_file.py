"""Files of answers, .parquet or .tsv: written as they come, and there only when they are whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from torch import Tensor

from dsomgnn.errors import RecipeError
from dsomgnn.predict.best import Top
from dsomgnn.predict.facts import NAMES, facts_of
from dsomgnn.predict.loaded import Loaded

SCHEMA = pa.schema(
    [
        ("line", pa.int64()),
        ("asked", pa.string()),
        ("head", pa.string()),
        ("relation", pa.string()),
        ("tail", pa.string()),
        ("rank", pa.int32()),
        ("score", pa.float32()),
        ("probability", pa.float32()),
        ("known", pa.string()),
    ]
)


class Writer(Protocol):
    def write_table(self, table: pa.Table) -> None: ...


@contextmanager
def answers_file(path: Path, schema: pa.Schema = SCHEMA) -> Iterator[Writer]:
    """Something to write tables of a schema to; the file is put in its place at the end. Raises RecipeError."""
    part = path.with_name(f".{path.name}.part")
    try:
        with pq.ParquetWriter(part, schema) if path.suffix == ".parquet" else _Tsv(part, schema) as writer:
            yield writer
        os.replace(part, path)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)  # pyarrow's strerror is a whole sentence
        raise RecipeError(f"--out {path}: cannot be written: {reason}") from None
    finally:
        part.unlink(missing_ok=True)


class _Tsv:
    """Tab-separated, a header line first; identifiers hold neither tabs nor line ends."""

    def __init__(self, path: Path, schema: pa.Schema):
        self.file = path.open("wb")
        self.file.write("\t".join(schema.names).encode() + b"\n")

    def __enter__(self) -> _Tsv:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def write_table(self, table: pa.Table) -> None:
        columns = [pc.fill_null(column.cast(pa.string()), "") for column in table.columns]
        lines = pc.binary_join_element_wise(pc.binary_join_element_wise(*columns, "\t"), "", "\n")
        self.file.write("".join(lines.to_pylist()).encode())


def answers_table(model: Loaded, line: Tensor, queries: Tensor, best: Top) -> pa.Table:
    """One row per answer that is left, best first, to each of the queries (n, 2) that stood in line (n,)."""
    left = (best.score > -torch.inf).nonzero()
    row, column = left.unbind(1)
    found = facts_of(queries[row], best.entity[row, column], model.num_relations)
    places = torch.full_like(row, -1) if model.facts is None else model.facts.split_of(found)
    backward = queries[row, 1] >= model.num_relations
    columns = [
        line[row].numpy(),
        _taken(("tail", "head"), backward.long()),
        *fact_columns(model, found),
        (column + 1).int().numpy(),
        best.score[row, column].numpy(),
        best.probability[row, column].numpy(),
        _taken((*NAMES, None), places % (len(NAMES) + 1)),
    ]
    return pa.table(columns, schema=SCHEMA)


def fact_columns(model: Loaded, facts: Tensor) -> list[pa.Array]:
    """Identifiers of heads, relations and tails of facts (n, 3)."""
    entities, relations = model.entity.words.ids, model.relation.words.ids
    return [_taken(words, at) for words, at in zip((entities, relations, entities), facts.unbind(1), strict=True)]


def _taken(words: Sequence[str | None], at: Tensor) -> pa.Array:
    return pa.array(words, pa.string()).take(pa.array(at.numpy()))
