"""A data set written in the layouts of other toolkits, to be imported back."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

Triple = tuple[int, int, int]


class Facts(NamedTuple):
    """Identifiers in id order, and triples of ids (head, relation, tail) by split."""

    entities: Sequence[str]
    relations: Sequence[str]
    splits: dict[str, list[Triple]]

    def named(self, split: str) -> list[tuple[str, str, str]]:
        return [(self.entities[h], self.relations[r], self.entities[t]) for h, r, t in self.splits[split]]


def write(path: Path, rows: Iterable[Iterable[object]], mark: str = "\t", end: str = "\n") -> None:
    path.write_bytes("".join(mark.join(map(str, row)) + end for row in rows).encode())


def openke(folder: Path, facts: Facts, mark: str = " ") -> None:
    for split, triples in facts.splits.items():
        write(folder / f"{split}2id.txt", [[len(triples)], *([h, t, r] for h, r, t in triples)], mark)
    for kind, ids in (("entity", facts.entities), ("relation", facts.relations)):
        write(folder / f"{kind}2id.txt", [[len(ids)], *zip(ids, range(len(ids)), strict=True)], "\t")


def openke_with_spaces(folder: Path, facts: Facts) -> None:
    """Names may hold spaces and are told from the id by spaces too; Windows line ends."""
    openke(folder, facts, "\t")
    for kind, ids in (("entity", facts.entities), ("relation", facts.relations)):
        write(folder / f"{kind}2id.txt", [[len(ids)], *zip(ids, range(len(ids)), strict=True)], " ", "\r\n")


def kbc_ids(folder: Path, facts: Facts) -> None:
    for split, triples in facts.splits.items():
        write(folder / split, triples)
    write(folder / "ent_id", [[name, i] for i, name in enumerate(facts.entities)])
    write(folder / "rel_id", [[name, i] for i, name in enumerate(facts.relations)])


def libkge(folder: Path, facts: Facts) -> None:
    for split, triples in facts.splits.items():
        write(folder / f"{split}.del", triples)
    write(folder / "entity_ids.del", enumerate(facts.entities))
    write(folder / "relation_ids.del", enumerate(facts.relations))


def rotate(folder: Path, facts: Facts) -> None:
    for split in facts.splits:
        write(folder / f"{split}.txt", facts.named(split))
    write(folder / "entities.dict", enumerate(facts.entities))
    write(folder / "relations.dict", enumerate(facts.relations))


def with_full_stops(folder: Path, facts: Facts) -> None:
    """IMF and MoMoK; no name may hold a space. The maps need not be in the order of their ids."""
    for split, name in (("train", "train"), ("valid", "val"), ("test", "test")):
        write(folder / f"{name}.txt", [[*triple, "."] for triple in facts.named(split)], " ")
    write(folder / "entity2id.txt", [[name, i] for i, name in reversed(list(enumerate(facts.entities)))], " ")
    write(folder / "relation2id.txt", [[name, i] for i, name in enumerate(facts.relations)], " ")


def dkrl(folder: Path, facts: Facts) -> None:
    """Names as head, tail, relation, with a byte order mark."""
    for split in facts.splits:
        rows = "".join(f"{h}\t{t}\t{r}\n" for h, r, t in facts.named(split))
        (folder / f"{split}.txt").write_text(rows, encoding="utf-8-sig")
    write(folder / "entity2id.txt", [[name, i] for i, name in enumerate(facts.entities)])
    write(folder / "relation2id.txt", [[name, i] for i, name in enumerate(facts.relations)])


def pykeen(folder: Path, facts: Facts) -> None:
    for split, name in (("train", "training"), ("valid", "validation"), ("test", "testing")):
        inside = folder / name
        inside.mkdir()
        tables = {
            "numeric_triples": [("head", "relation", "tail"), *facts.splits[split]],
            "entity_to_id": [("id", "label"), *enumerate(facts.entities)],
            "relation_to_id": [("id", "label"), *enumerate(facts.relations)],
        }
        for table, rows in tables.items():
            text = "".join("\t".join(map(str, row)) + "\n" for row in rows)
            (inside / f"{table}.tsv.gz").write_bytes(gzip.compress(text.encode()))


def own(folder: Path, facts: Facts) -> None:
    for split in facts.splits:
        write(folder / f"{split}.txt", facts.named(split))
    write(folder / "entities.tsv", [[name, f"name of {name}", "a kind"] for name in facts.entities])
    write(folder / "relations.tsv", [[name] for name in facts.relations])


WITH_ORDER: dict[str, Callable[[Path, Facts], None]] = {
    f.__name__: f
    for f in (openke, openke_with_spaces, kbc_ids, libkge, rotate, with_full_stops, dkrl, pykeen, own)
}  # fmt: skip


def names(folder: Path, facts: Facts) -> None:
    """ConvE, villmow, kbc's src_data."""
    for split, name in (("train", "train"), ("valid", "dev"), ("test", "test")):
        write(folder / f"{name}.tsv", facts.named(split))


def header_csv(folder: Path, facts: Facts) -> None:
    for split in facts.splits:
        with (folder / f"FB-{split}.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["", "Object", "subject", "predicate", "weight"])
            rows.writerows([i, t, h, r, 0.5] for i, (h, r, t) in enumerate(facts.named(split)))


def parquet(folder: Path, facts: Facts) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for split in facts.splits:
        h, r, t = zip(*facts.named(split), strict=True)
        table = pa.table({"tail": t, "score": [1.0] * len(t), "head": pa.array(h).dictionary_encode(), "relation": r})
        pq.write_table(table, folder / f"{split}.parquet")


WITHOUT_ORDER: dict[str, Callable[[Path, Facts], None]] = {f.__name__: f for f in (names, header_csv, parquet)}
