"""Which column holds the relations: head, relation, tail, or head, tail, relation. Content tells, never a guess."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dsomgnn.data.formats.id_maps import IdMap, is_id

ORDERS = {"hrt": (0, 1, 2), "htr": (0, 2, 1)}  # the columns of head, relation and tail
MUCH = 10  # so many times fewer words tell the relations' column where nothing better does

Columns = Sequence[set[str]]


def column_order(columns: Columns, entities: IdMap | None, relations: IdMap | None) -> str | None:
    """ "hrt" or "htr" by the distinct words of the three columns and the id maps, or None where both fit."""
    misfits = {order: _misfits(columns, places, entities, relations) for order, places in ORDERS.items()}
    if misfits["hrt"] != misfits["htr"]:
        return min(misfits, key=misfits.__getitem__)
    if relations is not None:  # in the right order every known relation should occur
        return _only(o for o, (_, relation, _) in ORDERS.items() if len(columns[relation]) == len(relations.ids))
    if all(map(is_id, set().union(*columns))):
        return _by_numbers(columns)
    return _by_shared_words(columns)


def _misfits(columns: Columns, places: tuple[int, int, int], entities: IdMap | None, relations: IdMap | None) -> int:
    head, relation, tail = (columns[place] for place in places)
    return _unknown(head | tail, entities) + _unknown(relation, relations)


def _unknown(words: set[str], known: IdMap | None) -> int:
    return 0 if known is None else min(len(words - index.keys()) for index in known.readings.values())


def _by_numbers(columns: Columns) -> str | None:
    """Numbers without a map: ids of relations, the fewer, and those of entities run from 0 without a gap."""
    fits = [
        order
        for order, (head, relation, tail) in ORDERS.items()
        if len(columns[relation]) < len(columns[tail])
        and _gapless(columns[relation])
        and _gapless(columns[head] | columns[tail])
    ]
    return _only(fits) or _by_count(columns)


def _gapless(words: set[str]) -> bool:
    return max(map(int, words)) == len(words) - 1


def _by_shared_words(columns: Columns) -> str | None:
    """Names without a map: heads are found again among tails, not among relations."""
    heads, second, third = columns
    if heads.isdisjoint(second) != heads.isdisjoint(third):
        return "htr" if heads.isdisjoint(third) else "hrt"
    if heads.isdisjoint(second):  # no head is ever a tail
        return "hrt" if len(second) <= len(third) else None
    return _by_count(columns)


def _by_count(columns: Columns) -> str | None:
    _, second, third = map(len, columns)
    return "hrt" if MUCH * second <= third else "htr" if MUCH * third <= second else None


def _only(orders: Iterable[str]) -> str | None:
    found = list(orders)
    return found[0] if len(found) == 1 else None
