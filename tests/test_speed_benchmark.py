"""benchmarks/speed.py: what it measures, how it compares, and that it runs."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

from speed import contenders, plain
from speed.command import main
from speed.figures import RATIOS, Ratio, ratio, scores, summary
from speed.render import _made_on
from speed.rounds import Length, Turn, bout
from speed.seat import SeatError
from speed.trained import with_tables
from speed.work import Sizes, Work, batches, synthetic

from dsomgnn.models.score import ComplEx, n3

NONE = np.empty(0, dtype=np.float32)
ONE, OTHER = contenders.TRAIN[contenders.FAST], contenders.PLAIN
PAIR = Ratio("pair", "train", ONE, OTHER, "")


def work_of(train: list[tuple[int, int, int]], entities: int = 5, relations: int = 2) -> Work:
    splits = [np.array(train), np.array([(0, 1, 4)]), np.array([(1, 0, 3)])]
    return Work("made", entities, relations, Sizes(rank=2), *splits, NONE, NONE)


def turn(contender: contenders.Contender, number: int, rate: float, cores: float = 1.0) -> Turn:
    return Turn(contender.name, number, rows=int(10 * rate), seconds=10, cores=cores, load=1, extra_mb=2.0, mrr=None)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run on a toy graph writes, with its figures in figures.json."""
    out = tmp_path_factory.mktemp("speed")
    words = [
        "--toy",
        "--bouts",
        "train",
        "distil",
        "rank",
        "--threads",
        "1",
        "--out",
        out,
        "--json",
        out / "figures.json",
    ]
    threads = torch.get_num_threads()
    try:
        assert main(None, [str(word) for word in words]) == 0
    finally:
        torch.set_num_threads(threads)
    return out


def test_the_toy_run_gives_every_figure_that_needs_no_peer(toy: Path):
    figures = json.loads((toy / "figures.json").read_text())
    assert {r.name for r in RATIOS} | {"train_extra_mb", "rank_extra_mb"} <= set(figures)
    assert figures["train_vs_pykeen"] is figures["rank_vs_pykeen"] is None
    assert all(figures[r.name] > 0 for r in RATIOS if not r.name.endswith("pykeen"))
    assert figures["train_extra_mb"] > 0
    low, high = figures["spread"]["train_vs_plain"]
    assert low <= figures["train_vs_plain"] <= high


def test_dsomgnn_and_the_plain_loop_rank_alike(toy: Path):
    lines = [json.loads(line) for line in (toy / "results" / "speed.jsonl").read_text().splitlines()]
    mrr = {line["contender"]: line["mrr"] for line in lines}
    assert mrr["dsomgnn, ranking"] == pytest.approx(mrr["plain loop, ranking"], abs=1e-6)
    assert all(line["load"] >= 0 and line["rows"]["low"] <= line["rows"]["value"] for line in lines)


def test_the_page_and_its_picture_show_every_contender(toy: Path):
    page, image = (toy / "SPEED.md").read_text(), ElementTree.parse(toy / "speed.svg")
    labels = {node.text for node in image.iter("{http://www.w3.org/2000/svg}text")}
    for name in (f"dsomgnn, {contenders.FAST}", "products alone, float32", "plain autograd", "plain loop, ranking"):
        assert f"| {name} |" in page
        assert name in labels
    assert "![rates](speed.svg)" in page


def test_an_unknown_data_set_is_one_error_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(None, ["--data", "wn81", "--out", str(tmp_path / "out")]) == 3
    assert 'error: data set "wn81" not found' in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


class Seats:
    """Seats without processes: they note who was asked, and may fail at the n-th word."""

    def __init__(self, fails: dict[str, int] | None = None):
        self.heard: list[str] = []
        self.fails = fails or {}

    def send(self, name: str) -> None:
        self.heard.append(name)

    def receive(self) -> dict:
        name = self.heard[-1]
        if self.heard.count(name) == self.fails.get(name):
            raise SeatError("it broke")
        return {"rows": 1, "seconds": 1.0, "cores": 1.0, "extra_mb": 0.0, "mrr": None}

    def ask(self, name: str) -> dict:
        self.send(name)
        return self.receive()

    def __getitem__(self, seat: str) -> Seats:
        return self


def test_rounds_go_to_and_fro_after_a_turn_that_does_not_count():
    seats = Seats()
    turns = bout([ONE, OTHER], seats, Length(rounds=3), lambda line: None)
    a, b = ONE.name, OTHER.name
    assert seats.heard == [a, b, a, b, *(a, b, b, a, a, b)]
    assert [t.contender for t in turns] == [a, b, b, a, a, b]
    assert [t.round for t in turns] == [0, 0, 1, 1, 2, 2]


def test_who_breaks_is_left_out_and_the_others_go_on():
    said: list[str] = []
    turns = bout([ONE, OTHER], Seats({OTHER.name: 4}), Length(rounds=3), said.append)
    assert [t.contender for t in turns].count(ONE.name) == 3
    assert [t.round for t in turns if t.contender == OTHER.name] == [0]
    assert f"{OTHER.name} is left out: it broke" in said[1]


def test_a_bout_ends_when_the_next_round_would_be_late():
    length = Length(seconds=100.0)
    now = time.monotonic()
    assert not length.over(2, now - 99, 50.0)
    assert length.over(3, now - 60, 50.0)
    assert not length.over(3, now - 40, 50.0)
    assert Length(rounds=2).over(2, now, 0.0)


def test_a_ratio_is_taken_within_a_round_so_that_a_slow_round_does_not_matter():
    turns = [turn(ONE, 0, 30), turn(OTHER, 0, 10), turn(OTHER, 1, 1), turn(ONE, 1, 3), turn(ONE, 2, 50)]
    found = ratio(PAIR, turns, 0.8)
    assert (found.value, found.low, found.high) == (3, 3, 3)
    assert ratio(PAIR, turns[:1], 0.8) is None


def test_original_triples_count_merged_rows_for_what_they_hold_and_directed_rows_for_a_half():
    turns = [turn(ONE, 0, 30), turn(OTHER, 0, 10)]
    in_triples = Ratio("pair", "train", ONE, OTHER, "", triples=True)
    assert ratio(in_triples, turns, 0.8).value == pytest.approx(30 * 0.8 / (10 * 0.5))
    assert [s.triples.value for s in scores("x", "train", turns, 0.8)] == [pytest.approx(24), pytest.approx(5)]


def test_per_core_ratios_leave_out_the_time_that_others_took():
    step = contenders.STEP[contenders.FAST]
    turns = [turn(ONE, 0, 10, cores=0.5), turn(step, 0, 40, cores=1.0)]
    figures = summary({"train": turns}, 0.8)
    assert (figures["train_share_bf16"], figures["per_core"]["train_share_bf16"]) == (0.25, 0.5)
    assert figures["train_vs_pykeen"] is None


def test_triples_per_query_counts_both_directions():
    work = work_of([(0, 0, 1), (0, 0, 2), (3, 1, 2)])
    assert work.triples_per_query == pytest.approx(3 / 5)  # (0,r0) (3,r1) (1,r0') (2,r0') (2,r1')
    assert work.directed(work.train)[3:].tolist() == [[1, 2, 0], [2, 2, 0], [2, 3, 3]]


def test_work_comes_back_from_its_folder(tmp_path: Path):
    work = with_tables(work_of([(0, 0, 1), (0, 0, 2), (3, 1, 2)]))
    work.save(tmp_path)
    again = Work.load(tmp_path)
    assert (again.name, again.entities, again.sizes) == (work.name, work.entities, work.sizes)
    assert np.array_equal(again.entity_table, work.entity_table)
    assert again.relation_table.shape == (4, 4)


def test_random_triples_are_distinct_and_as_many_as_asked_for():
    splits = synthetic(300, 4, (1000, 50, 40))
    together = np.concatenate(splits)
    assert [len(s) for s in splits] == [1000, 50, 40]
    assert len(np.unique(together, axis=0)) == 1090
    assert (together.max(0) < [300, 4, 300]).all()


def test_an_epoch_of_batches_holds_every_row_once():
    order = batches(7, 3)
    assert sorted(np.concatenate([next(order) for _ in range(3)]).tolist()) == list(range(7))


def test_the_plain_model_is_the_one_that_dsomgnn_trains():
    torch.manual_seed(0)
    head, relation = torch.randn(2, 5, 8).unbind(0)
    assert torch.allclose(plain.query(head, relation), ComplEx().query(head, relation))
    mean = torch.full((5,), 1 / 5)
    assert plain.n3(head, relation) == pytest.approx(n3(ComplEx(), [(head, mean), (relation, mean)]).item(), rel=1e-5)


def test_the_tables_learn_what_is_to_be_ranked():
    train, valid, _ = synthetic(60, 2, (300, 10, 10))
    ranks = {}
    for steps in (0, 60):
        sizes = Sizes(rank=8, trained=steps)
        work = with_tables(Work("made", 60, 2, sizes, train, valid, train, NONE, NONE))
        turns = plain.rank(work)
        next(turns)
        ranks[steps] = next(turns).mrr
    assert ranks[60] > 2 * ranks[0]


@pytest.mark.parametrize(("faster", "told"), [("bfloat16", False), ("float32", True)])
def test_the_page_says_where_bfloat16_is_not_what_was_multiplied(faster, told):
    about = {"date": "", "processor": "", "cores": 2, "instructions": "", "faster_products": faster, "python": ""}
    summary = {"machine": {**about, "versions": {}}, "threads": 1, "rank": 8, "batch": 4}
    assert ("slower at bfloat16" in _made_on(summary)) is told
