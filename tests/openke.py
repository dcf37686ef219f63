"""Data sets in the layout of OpenKE, as public origins have them."""

from __future__ import annotations


def openke(entities, relations, splits: dict[str, list[tuple[str, str, str]]], gap: str = "\t") -> dict[str, bytes]:
    """A data set as OpenKE has it: counts, names with ids, and ids of head, tail, relation."""
    rows = {"entity": entities, "relation": relations}
    files = {f"{what}2id.txt": [f"{name}{gap}{i}" for i, name in enumerate(names)] for what, names in rows.items()}
    e, r = ({name: i for i, name in enumerate(names)} for names in (entities, relations))
    files |= {f"{split}2id.txt": [f"{e[h]} {e[t]} {r[p]}" for h, p, t in triples] for split, triples in splits.items()}
    return {name: "\n".join([str(len(lines)), *lines, ""]).encode() for name, lines in files.items()}
