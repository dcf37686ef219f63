"""Tables of ranks: whole figures in 80 columns, and no hundreds of rows."""

from __future__ import annotations

import io

from rich.console import Console
from rich.table import Table

from dsomgnn.data.triples import Vocabulary
from dsomgnn.rank.tables import MOST, choice_table, overall_table, phase_table, readable, relation_table, slice_table

MODELS = ("student", *(f"teacher:{name}" for name in ("text", "picture", "number", "everything")), "ensemble")


def drawn(table: Table, width: int = 80) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width).print(table)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def result(relations: int) -> dict:
    metrics = {"mrr": 0.45678, "mr": 1234.5, "hits@1": 0.3123, "hits@3": 0.5177, "hits@10": 0.7397, "n": 35000}
    own = {f"relation_{i:07}": {"mrr": 0.25, "n": 1000 - i} for i in range(relations)}
    slices = dict.fromkeys(("all entities seen", "- as the given one"), metrics)
    model = dict.fromkeys(("both", "head", "tail"), metrics) | {"slices": slices, "relations": own}
    return {"split": "test", "ties": "realistic", "drop": {}, "models": dict.fromkeys(MODELS, model)}


def test_six_models_fit_80_columns_with_every_figure_whole():
    table = drawn(overall_table(result(3)))
    assert not any("…" in line for line in table)
    rows = [line.split()[-7:] for line in table if "both" in line]
    assert rows == [["both", "0.4568", "1234.5", "0.3123", "0.5177", "0.7397", "35,000"]] * len(MODELS)
    slices = drawn(slice_table(result(3)))
    assert [line.split()[-6:] for line in slices if "given" in line] == [row[1:] for row in rows]
    shown = drawn(relation_table(result(3), {}))
    assert [line.split() for line in shown[3:]] == [
        [f"relation_{i:07}", f"{1000 - i:,}", *["0.250"] * len(MODELS)] for i in range(3)
    ]


def test_relations_beyond_the_most_frequent_are_counted():
    assert drawn(relation_table(result(MOST + 5), {}), 160)[-1] == "and 5 more (--json)"
    rows = {f"r{i}": {"n": i, "text": 0.5} for i in range(MOST + 5)}
    shown = drawn(choice_table({"overall": {"text": 0.5}, "relations": rows}, {}))
    assert shown[-MOST - 2].split() == [f"r{MOST + 4}", f"{MOST + 4}", "0.50"]
    assert shown[-2:] == ["and 5 more (record.json)", "all                                0.50"]


def test_models_that_were_best_at_their_last_epoch_are_told():
    def phases(**best: int) -> dict:
        of = {name: {"valid_mrr": 0.4, "best_epoch": epoch, "epochs": 20, "seconds": 9} for name, epoch in best.items()}
        return {"phases": of}

    told = "best at the last epoch, so more epochs may gain: text, student"
    assert drawn(phase_table(phases(text=20, picture=15, student=20)))[-1] == told
    assert not any("last epoch" in line for line in drawn(phase_table(phases(picture=15))))


def test_a_relation_is_called_by_its_name_where_its_identifier_is_an_address():
    words = readable(Vocabulary(("http://x.org/P17", "likes"), ("country", "is fond of")))
    assert words == {
        **{"http://x.org/P17": "country", "likes": "likes"},
        **{"inverse:http://x.org/P17": "inverse:country", "inverse:likes": "inverse:likes"},
    }
    own = {"http://x.org/P17": {"mrr": 0.5, "n": 7}}
    shown = result(0) | {"models": {"student": {"relations": own}}}
    assert drawn(relation_table(shown, words))[-1].split() == ["country", "7", "0.500"]
