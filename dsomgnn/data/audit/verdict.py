"""What an audit means for figures, in plain words, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator

from dsomgnn.data.audit.audit import Audit, Finding

LEAST = 10  # of fewer, a share says nothing
BROKEN = 0.05  # share of valid in train from which it selects nothing
MANY_PAIRS = 0.1  # share of test pairs known from train
MANY_NAMED = 0.05  # share of test queries whose answer the text names
MANY_SHARED = 0.1  # share of entities with another one's text
FEW_COVERED = 0.1  # share of entities that have a modality


def warnings(audit: Audit) -> tuple[str, ...]:
    """What was found that changes the meaning of figures, the worst first; empty where nothing was."""
    parts = (_overlaps, _outside_train, _known_pairs, _texts, _repeats, _modalities)
    return tuple(line for part in parts for line in part(audit))


def _overlaps(audit: Audit) -> Iterator[str]:
    valid, test = audit.splits["valid"], audit.splits["test"]
    if n := valid.found["in_train"].distinct:
        of = f"{n:,} of its {valid.distinct:,} distinct triples stand in train"
        lead = "cannot select models" if n >= BROKEN * valid.distinct else "gives validation figures that are too high"
        yield f"valid.txt {lead}: {of}; say [data] holdout = 0.05"
    if n := test.found["in_train"].distinct:
        of = f"{n:,} of its {test.distinct:,} distinct triples stand in train"
        yield f"test.txt gives figures that are too high: {of}; take them out of train.txt"
    if n := test.found["in_valid"].distinct:
        of = f"{n:,} of the {test.distinct:,} distinct test triples stand in valid"
        yield f"models are selected on what they are tested on: {of}; say [data] holdout = 0.05"


def _outside_train(audit: Audit) -> Iterator[str]:
    what = {
        "entities": ("unseen_entity", "no structure is learnt for them; dsomgnn rank gives their figures apart"),
        "relations": ("unseen_relation", "nothing is learnt for them, and their ranks are chance"),
    }
    for names, (check, so) in what.items():
        if n := audit.only_outside_train[names].count:
            all_ = {"entities": audit.entities, "relations": audit.relations}[names]
            valid, test = (audit.splits[split].found[check].rows for split in ("valid", "test"))
            yield f"{n:,} of {all_:,} {names} occur only in valid or test ({valid:,} and {test:,} triples): {so}"


def _known_pairs(audit: Audit) -> Iterator[str]:
    test = audit.splits["test"]
    for check, how, so in (
        (
            "reversed_in_train",
            "reversed in train",
            "figures say how well inverses are remembered, not what is inferred",
        ),
        ("pair_in_train", "in train under another relation", "part of the answer is known there"),
    ):
        n = test.found[check].rows
        if n >= max(LEAST, MANY_PAIRS * test.rows):
            share = f"{n:,} of {test.rows:,} test pairs ({n / test.rows:.0%})"
            yield f"{share} stand {how}: {so}; read the table per relation, and compare on this data set only"


def _texts(audit: Audit) -> Iterator[str]:
    test = audit.splits["test"]
    named = sum(test.found.get(check, Finding(0, 0)).rows for check in ("text_names_tail", "text_names_head"))
    if named >= max(LEAST, MANY_NAMED * 2 * test.rows):
        share = f"{named:,} of {2 * test.rows:,} test queries ({named / test.rows / 2:.0%})"
        yield (
            f"texts name the answer of {share}: a model that reads them can copy it; "
            "compare with one that reads none before you speak of reasoning"
        )


def _repeats(audit: Audit) -> Iterator[str]:
    so = {
        "train": "fit uses each triple once",
        "valid": "they weigh more in validation figures; take them out",
        "test": "they weigh more in test figures; take them out",
    }
    for name, split in audit.splits.items():
        if n := split.found["repeated"].rows:
            yield f"{name}.txt: {n:,} of its {split.rows:,} rows repeat an earlier one: {so[name]}"


def _modalities(audit: Audit) -> Iterator[str]:
    for modality in audit.modalities:
        source = modality.source
        if modality.defect is not None:
            yield f"{modality.defect}; fit refuses it"
            continue
        if modality.share is not None and modality.share < FEW_COVERED:
            of = f"{modality.entities:,} of {audit.entities:,} entities ({modality.share:.1%})"
            yield f"{source} covers {of}: it can hardly change figures over all test triples"
        if n := modality.facts.get("missing_files"):
            yield f"{source} names {n:,} files that are not there: those entities have no picture"
        if (n := modality.facts.get("entities_with_repeated_text", 0)) >= max(LEAST, MANY_SHARED * audit.entities):
            yield f"{source}: {n:,} entities share their text with another: it cannot tell them apart"
