"""dsomgnn compare: what it says of runs and of rank files, and what it refuses to hold against each other."""

from __future__ import annotations

import io
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from conftest import write_workshop
from rich.console import Console

from dsomgnn.compare.groups import Group, read_group
from dsomgnn.compare.measure import _compared, measure
from dsomgnn.comparing import compare_runs, comparison_table, group_table
from dsomgnn.errors import RecipeError
from dsomgnn.fit import fit_recipe
from dsomgnn.ranking import rank_run

QUERIES = [(f"h{n}", "likes", f"t{n}", side) for n in range(30) for side in ("tail", "head")]
HEAD = "head\trelation\ttail\tside\trank\n"


def ranks_file(path: str, ranks: list[float], queries: list[tuple] = QUERIES, head: str = HEAD) -> Path:
    """A TSV of queries with their ranks, repeated as often as needed."""
    rows = ["\t".join([*query, str(ranks[n % len(ranks)])]) for n, query in enumerate(queries)]
    Path(path).write_text(head + "\n".join(rows) + "\n")
    return Path(path)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """base.tsv (ranks 2 and 4), same.tsv, better.tsv (rank 1 and 4), mixed.tsv (now better, now worse)."""
    monkeypatch.chdir(tmp_path)
    ranks_file("base.tsv", [2, 4])
    ranks_file("same.tsv", [2.0, 4.0])
    ranks_file("better.tsv", [1, 4])
    ranks_file("mixed.tsv", [1, 4, 50, 4])
    return tmp_path


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs alone-0 to alone-2 of tiny.toml without teachers, and wide-0 to wide-2 of a larger student."""
    folder = write_workshop(tmp_path_factory.mktemp("fitted"))
    for seed in range(3):
        for name, rank in (("alone", 4), ("wide", 8)):
            changes = ("distill.policy=none", f"seed={seed}", f"student.rank={rank}")
            fit_recipe(folder / "tiny.toml", folder / f"{name}-{seed}", changes)
    return folder


@pytest.fixture
def seeds(workshop: Path, fitted: Path) -> Path:
    """Copies of these runs in the current folder."""
    for run in fitted.glob("*-?"):
        shutil.copytree(run, workshop / run.name)
    return workshop


def test_a_comparison_fits_80_columns_with_every_figure_whole(files: Path):
    result = compare_runs(["base.tsv", "better.tsv"], resamples=200)
    shown = io.StringIO()
    Console(file=shown, width=80).print(group_table(result), comparison_table(result["comparisons"][0]))
    assert "…" not in shown.getvalue()
    lines = [line.split() for line in shown.getvalue().splitlines()]
    [row] = [line for line in lines if line[:2] == ["all:", "MRR"]]
    assert (row[:4], len(row), row[-2:]) == (["all:", "MRR", "60", "0.3750"], 9, ["<0.001", "better"])


def test_a_sign_test_that_says_the_opposite_of_the_mean_is_marked(files: Path, call):
    """A little better on most triples, far worse on few."""
    ranks_file("base.tsv", [1] * 12 + [20] * 48)
    ranks_file("other.tsv", [100] * 12 + [19] * 48)
    reply = call("compare", "base.tsv", "other.tsv", "--resamples", 300, "--html", "out.html")
    assert re.search(r"^all: MRR .* 0\.001 +worse! *$", reply.out, re.MULTILINE)
    assert "! the sign test says the opposite of the mean" in reply.out
    [verdict] = [line for line in reply.out.splitlines() if line.startswith("other.tsv against base.tsv: -")][-1:]
    assert "MRR, worse: " in verdict
    assert verdict.endswith("The sign test says the opposite: 24 triples are ranked better and 6 worse (p 0.001).")
    page = Path("out.html").read_text()
    assert "24 : 6" in page
    assert "worse; sign test: better" in page
    agreeing = call("compare", "better.tsv", "base.tsv", "--html", "out.html")
    assert "says the opposite" not in agreeing.out
    assert "sign test: " not in Path("out.html").read_text()


def test_words_say_better_worse_noise_and_the_same(files: Path, call):
    reply = call("compare", "base.tsv", "better.tsv", "mixed.tsv", "same.tsv", "--resamples", 500)
    assert reply.code == 0
    better, mixed, same = reply.out.strip().splitlines()[-3:]
    assert re.match(r"better\.tsv against base\.tsv: \+0\.2500 MRR, better: 95 % interval over triples \[\+0\.", better)
    assert "mixed.tsv against base.tsv: " in mixed
    assert "is noise: the 95 % interval over triples [-0." in mixed
    assert same == "same.tsv against base.tsv: +0.0000 MRR: not one triple is ranked otherwise."
    reply = call("compare", "better.tsv", "base.tsv")
    assert "-0.2500 MRR, worse" in reply.out


def test_json_holds_every_slice_and_metric_and_the_same_seed_gives_the_same(files: Path, call):
    words = ("compare", "base.tsv", "better.tsv", "--resamples", 300, "--json", "-")
    first, again, other = (json.loads(call(*words, *more).out) for more in ((), (), ("--seed", 1)))
    assert first == again
    assert first != other
    (comparison,) = first["comparisons"]
    assert list(comparison["slices"]) == ["all", "head asked for", "tail asked for"]
    tails = comparison["slices"]["tail asked for"]
    assert {name: found["difference"] for name, found in tails.items()} == {
        "mrr": 0.5, "hits@1": 1.0, "hits@3": 0.0, "hits@10": 0.0,
    }  # fmt: skip
    assert comparison["slices"]["head asked for"]["mrr"]["verdict"] == "the same"
    assert (first["triples"], first["queries"], first["ties"]) == (30, 60, "realistic")


def test_a_run_is_ranked_as_rank_ranks_it(seeds: Path, trained: Path):
    for model in ("student", "teacher:st"):
        result = compare_runs([str(trained), "alone-0"] if model == "student" else [str(trained)] * 2, model=model)
        figures = rank_run(trained, model=model)["models"][model]["both"]
        assert {m: result["groups"][0][m] for m in ("mrr", "hits@1")} == pytest.approx(
            {m: figures[m] for m in ("mrr", "hits@1")}
        )


def test_seeds_are_grouped_by_glob_or_comma_and_their_spread_is_told(seeds: Path, call):
    result = compare_runs(["alone-*", "wide-2,wide-0,wide-1"], resamples=200)
    base, other = result["groups"]
    assert [run["seed"] for run in other["runs"]] == [0, 1, 2]
    assert base["mrr"] == pytest.approx(sum(run["mrr"] for run in base["runs"]) / 3)
    spread = result["comparisons"][0]["slices"]["all"]["mrr"]["seeds"]
    gaps = [b["mrr"] - a["mrr"] for a, b in zip(base["runs"], other["runs"], strict=True)]
    assert spread["pairs"] == pytest.approx(gaps)
    reply = call("compare", "alone-*", "wide-*", "--resamples", 200)
    assert "±" in reply.out
    assert "over 3 pairs of seeds" in reply.out or "is noise" in reply.out or "not one triple" in reply.out


def test_a_group_that_is_not_seeds_of_one_recipe_is_compared_with_a_warning(seeds: Path, call):
    reply = call("compare", "alone-*", "wide-0,alone-1", "wide-0,wide-0", "--html", "out.html")
    assert reply.code == 0
    warnings = [line for line in reply.err.splitlines() if line.startswith("warning")]
    assert warnings == [
        "warning: wide-0,alone-1: shares runs with alone-*, which it is compared with",
        "warning: wide-0,alone-1: its runs differ in more than their seed",
        "warning: wide-0,wide-0: some of its runs have the same seed",
    ]
    assert Path("out.html").read_text().count("Take care: ") == 3


def test_runs_of_other_seeds_are_compared_with_a_warning(seeds: Path):
    doubts = compare_runs(["alone-0,alone-1", "wide-2,wide-1", "wide-1,wide-0", "wide-*"], resamples=200)["doubts"]
    assert doubts == ["wide-2,wide-1: its seeds, 1, 2, are not 0, 1, as alone-0,alone-1 has"]


@pytest.mark.parametrize(("other", "called"), [((0, 1), "seeds"), ((1, 2), "runs"), ((None, None), "seeds")])
def test_pairs_of_runs_with_other_seeds_are_not_called_pairs_of_seeds(other: tuple, called: str, files: Path):
    baseline, better = ([read_group(name, "test", None).members[0]] * 2 for name in ("base.tsv", "better.tsv"))
    groups = [
        Group(name, tuple(replace(member, seed=seed) for member, seed in zip(members, of, strict=True)))
        for name, members, of in (("a", baseline, (0, 1)), ("b", better, other))
    ]
    assert f"over 2 pairs of {called} [" in measure(groups, "test", None, 300, 0)["comparisons"][0]["verdict"]


def test_a_difference_beyond_chance_over_triples_may_be_noise_over_seeds(files: Path):
    ranks_file("a0.tsv", [2, 4])
    ranks_file("a1.tsv", [2, 4])
    ranks_file("b0.tsv", [1, 4])
    ranks_file("b1.tsv", [2, 5])
    found = compare_runs(["a0.tsv,a1.tsv", "b?.tsv"], resamples=300)["comparisons"][0]
    assert found["slices"]["all"]["mrr"]["low"] > 0
    assert found["slices"]["all"]["mrr"]["verdict"] == "noise over seeds"
    assert "is noise over 2 pairs of seeds" in found["verdict"]


@pytest.mark.parametrize(("triples", "word"), [(1, "too few"), (5, "too few"), (6, "better")])
def test_a_handful_of_triples_proves_nothing_even_where_all_agree(files: Path, triples, word):
    """Drawn with replacement, one triple is always itself: its interval has no width."""
    for name, ranks in (("one.tsv", [2, 4]), ("other.tsv", [1, 4])):
        ranks_file(name, ranks, QUERIES[: 2 * triples])
    found = compare_runs(["one.tsv", "other.tsv"], resamples=300)["comparisons"][0]
    assert found["slices"]["all"]["mrr"]["verdict"] == word
    few = f"+0.2500 MRR: too few triples are ranked otherwise ({triples}) to tell it from chance."
    assert found["verdict"].endswith(few) == (word == "too few")


def sliced_file(path: str, ranks: list[float], slices: list[list[str]]) -> None:
    """Parquet of the QUERIES with their ranks and slices."""
    columns = {
        name: [query[place] for query in QUERIES] for place, name in enumerate(("head", "relation", "tail", "side"))
    }
    table = pa.table({**columns, "model": ["mine"] * 60, "split": ["test"] * 60, "rank": ranks, "slices": slices})
    pq.write_table(table, path)


def test_slices_of_a_rank_file_are_compared_one_by_one(files: Path):
    ranks = [float(1 + n % 5) for n in range(len(QUERIES))]
    sliced_file("mine.parquet", ranks, [["odd"] if n % 3 else ["odd", "third: 1 to 3"] for n in range(len(QUERIES))])
    found = compare_runs(["base.tsv", "mine.parquet"], resamples=200)["comparisons"][0]["slices"]
    assert list(found) == ["all", "head asked for", "tail asked for", "odd", "third: 1 to 3"]
    third = [1 / rank for n, rank in enumerate(ranks) if n % 3 == 0]
    assert found["third: 1 to 3"]["mrr"]["other"] == pytest.approx(sum(third) / 20)
    assert found["third: 1 to 3"]["mrr"]["queries"] == 20


def test_a_slice_that_only_one_member_tells_of_is_compared_whoever_it_is(files: Path):
    """A run without teachers reads no modality, and tells of no slice by who has one."""
    ranks = [2.0] * len(QUERIES)
    sliced_file("alone.parquet", ranks, [["odd"] if n % 2 else [] for n in range(len(QUERIES))])
    sliced_file("taught.parquet", ranks, [["text: present"] if n % 3 else ["odd"] for n in range(len(QUERIES))])
    for words, odd in ((["alone.parquet", "taught.parquet"], 30), (["taught.parquet", "alone.parquet"], 20)):
        found = compare_runs(words, resamples=100)["comparisons"][0]["slices"]
        assert list(found) == ["all", "head asked for", "tail asked for", "odd", "text: present"]
        assert [found[name]["mrr"]["queries"] for name in ("odd", "text: present")] == [odd, 40]


def test_the_rank_file_of_a_run_is_read_as_the_run_is(seeds: Path, call):
    assert call("rank", "alone-0").code == 0
    file = Path("alone-0/rank/ranks.parquet")
    shutil.copy(file, "copy.parquet")
    from_file, anew = (compare_runs([base, "wide-0"], resamples=200) for base in ("copy.parquet", "alone-0"))
    assert from_file["comparisons"][0]["slices"] == anew["comparisons"][0]["slices"]


def test_what_a_run_ranked_already_is_not_ranked_again(seeds: Path, call, monkeypatch):
    call("rank", "alone-0")
    call("rank", "alone-1")
    monkeypatch.setattr("dsomgnn.compare.groups.open_ranking", None)
    assert call("compare", "alone-0", "alone-1").code == 0


@pytest.mark.parametrize("end", [".csv", ".tsv.gz"])
def test_text_is_read_in_other_dress(end: str, files: Path):
    import gzip

    text = Path("better.tsv").read_text()
    file = Path(f"other{end}")
    file.write_bytes(gzip.compress(text.encode()) if end == ".tsv.gz" else text.replace("\t", ",").encode())
    assert compare_runs(["better.tsv", str(file)])["comparisons"][0]["verdict"].endswith(
        "not one triple is ranked otherwise."
    )


def test_ties_are_read_as_asked_where_a_file_tells_them_apart(files: Path):
    readings = "optimistic\trealistic\tpessimistic"
    rows = ["\t".join([*query, "1", "1.5", "2"]) for query in QUERIES]
    Path("ties.tsv").write_text(HEAD.replace("rank", readings) + "\n".join(rows) + "\n")
    found = {
        ties: compare_runs(["base.tsv", "ties.tsv"], ties=ties)["groups"][1]["mrr"] for ties in readings.split("\t")
    }
    assert found == pytest.approx({"optimistic": 1.0, "realistic": 1 / 1.5, "pessimistic": 0.5})


@pytest.mark.parametrize("told", ["rank", "realistic"])
def test_a_reading_of_ties_that_a_file_does_not_tell_is_the_one_that_it_tells(told: str, files: Path):
    columns = HEAD.replace("rank", f"{told}\toptimistic")
    rows = ["\t".join([*query, "2", "1"]) for query in QUERIES]
    Path("ties.tsv").write_text(columns + "\n".join(rows) + "\n")
    ranked = {
        ties: compare_runs(["base.tsv", "ties.tsv"], ties=ties)["groups"][1]["mrr"]
        for ties in ("optimistic", "realistic", "pessimistic")
    }
    assert ranked == {"optimistic": 1.0, "realistic": 0.5, "pessimistic": 0.5}


@pytest.mark.parametrize(
    ("told", "realistic", "pessimistic"), [("optimistic\tpessimistic", 0.5, 1 / 3), ("optimistic", 1.0, 1.0)]
)
def test_a_realistic_rank_that_is_not_told_is_the_mean_of_the_two_others(told, realistic, pessimistic, files: Path):
    ranks = ["1", "3"][: len(told.split())]
    rows = ["\t".join([*query, *ranks]) for query in QUERIES]
    Path("ties.tsv").write_text(HEAD.replace("rank", told) + "\n".join(rows) + "\n")
    for ties, mrr in (("optimistic", 1.0), ("realistic", realistic), ("pessimistic", pessimistic)):
        assert compare_runs(["base.tsv", "ties.tsv"], ties=ties)["groups"][1]["mrr"] == pytest.approx(mrr)


def test_the_spread_over_seeds_is_that_of_the_slice():
    torch.manual_seed(0)
    baseline, other = torch.rand(2, 3, 8, 4, dtype=torch.double)
    slices = {"all": torch.ones(8, dtype=torch.bool), "some": torch.arange(8) < 3}
    found = _compared(baseline, other, torch.arange(8), slices, 50, 0)
    for name, mask in slices.items():
        mrr, gain = found[name]["mrr"], (other - baseline)[:, mask, 0].mean(1)
        assert mrr["seeds"]["pairs"] == pytest.approx(gain.tolist())
        assert mrr["seeds"]["mean"] == pytest.approx(mrr["difference"])


class Page(HTMLParser):
    """Tags that a page opens, and the addresses that it would load."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loaded += [value for name, value in attrs if name in ("src", "href")]


def test_the_page_stands_alone_and_escapes_names(files: Path, call):
    shutil.copy("better.tsv", "<script>x.tsv")
    assert call("compare", "base.tsv", "<script>x.tsv", "--html", "out.html").code == 0
    text = Path("out.html").read_text()
    page = Page(text)
    assert page.loaded == []
    assert "script" not in page.tags
    assert page.tags.count("svg") == 1
    assert "&lt;script&gt;x.tsv against base.tsv: +0.2500 MRR, better" in text
    assert not list(Path().glob("*.part"))


REFUSED = {
    "one run": (["base.tsv"], 2, "give two runs at least"),
    "no such run": (["base.tsv", "runs/nope"], 5, "runs/nope: no run here"),
    "no such file": (["base.tsv", "bettr.tsv"], 3, 'bettr.tsv: no such file. Did you mean "better.tsv"?'),
    "a glob of nothing": (["base.tsv", "z*.tsv"], 2, "z*.tsv: matches no run and no file"),
    "unknown split": (["base.tsv", "same.tsv", "--split", "tset"], 2, 'Did you mean "test"?'),
    "unknown ties": (["base.tsv", "same.tsv", "--ties", "none"], 2, "Known: realistic, optimistic, pessimistic"),
    "few resamples": (["base.tsv", "same.tsv", "--resamples", "9"], 2, "--resamples 9: expected a whole number, 100"),
    "all models": (["base.tsv", "same.tsv", "--model", "all"], 2, "--model all: one model of each run is compared"),
    "another kind of file": (["base.tsv", "notes.txt"], 3, "notes.txt: not a run, and not a file of ranks"),
    "a page where none can be": (
        ["base.tsv", "same.tsv", "--html", "nowhere/x.html"],
        2,
        "--html nowhere/x.html: cannot",
    ),
}


@pytest.mark.parametrize(("words", "code", "told"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(words: list[str], code: int, told: str, files: Path, call):
    Path("notes.txt").write_text("nothing")
    reply = call("compare", *words)
    assert (reply.code, reply.out) == (code, "")
    assert told in reply.err


ASKED_WRONGLY = {
    "one word": (("base.tsv",), {}, "give two runs at least"),
    "split": ((["base.tsv", "same.tsv"],), {"split": "foo"}, "--split foo: no such choice"),
    "ties": ((["base.tsv", "same.tsv"],), {"ties": "foo"}, "--ties foo: no such choice"),
    "resamples": (
        (["base.tsv", "same.tsv"],),
        {"resamples": 0},
        "--resamples 0: expected a whole number, 100 at least",
    ),
    "seed": ((["base.tsv", "same.tsv"],), {"seed": -1}, "--seed -1: expected a whole number, 0 at least"),
    "all models": ((["base.tsv", "same.tsv"],), {"model": "all"}, "--model all: one model"),
}


@pytest.mark.parametrize(("words", "more", "told"), ASKED_WRONGLY.values(), ids=ASKED_WRONGLY.keys())
def test_refused_from_python(words: tuple, more: dict, told: str, files: Path):
    with pytest.raises(RecipeError, match=told):
        compare_runs(*words, **more)


def test_a_model_that_a_run_lacks_is_told_without_offering_all(seeds: Path, trained: Path, call):
    reply = call("compare", "alone-0", trained, "--model", "teacher:st")
    assert (reply.code, "this run has no such model. Known: student." in reply.err) == (2, True)


BAD = {
    "a column missing": ("head\trelation\ttail\trank\n", "a\tr\tb\t1", "bad.tsv: lacks the column side. Needed:"),
    "no rank": ("head\trelation\ttail\tside\n", "a\tr\tb\ttail", "bad.tsv: lacks the column rank"),
    "a rank below 1": (HEAD, "a\tr\tb\ttail\t3\na\tr\tb\thead\t0", "bad.tsv:3: side is"),
    "no number": (HEAD, "a\tr\tb\ttail\tthree", "bad.tsv: cannot be read"),
    "not a number": (HEAD, "a\tr\tb\ttail\tnan", "bad.tsv:2: side is"),
    "another side": (HEAD, "a\tr\tb\tobject\t3", "bad.tsv:2: side is"),
    "cells missing": (HEAD, "a\tr\tb", "bad.tsv: cannot be read"),
    "empty": ("", "", "bad.tsv: cannot be read"),
    "another split": (
        HEAD.replace("side", "side\tsplit"),
        "a\tr\tb\ttail\tvalid\t1",
        "bad.tsv: holds no ranks of the split test. Known: valid.",
    ),
}


@pytest.mark.parametrize(("head", "rows", "told"), BAD.values(), ids=BAD.keys())
def test_a_bad_rank_file_is_named_with_its_line(head: str, rows: str, told: str, files: Path, call):
    Path("bad.tsv").write_text(head + rows + "\n" if head else "")
    reply = call("compare", "base.tsv", "bad.tsv")
    assert reply.code == 3
    assert told in reply.err


def test_a_binary_file_is_no_rank_file(files: Path, call):
    Path("bad.parquet").write_bytes(b"PAR1 nothing PAR1")
    reply = call("compare", "base.tsv", "bad.parquet")
    assert (reply.code, "bad.parquet: cannot be read" in reply.err) == (3, True)


@pytest.mark.parametrize(("side", "told"), [("tail", "tail asked for"), ("head", "head asked for"), ("", "both sides")])
def test_the_heading_says_which_sides_were_asked_for(side: str, told: str, files: Path, call):
    for name, rank in (("one.tsv", 2), ("other.tsv", 1)):
        ranks_file(name, [rank], [query for query in QUERIES if query[3].startswith(side)])
    assert call("compare", "one.tsv", "other.tsv").out.startswith(
        f"test, filtered, ties realistic: 30 triples, {told}\n"
    )


def test_other_queries_are_counted_and_shown(files: Path, call):
    queries = [*QUERIES[2:], ("x", "likes", "y", "tail")]
    ranks_file("fewer.tsv", [2], queries)
    reply = call("compare", "base.tsv", "fewer.tsv")
    assert reply.code == 3
    assert "fewer.tsv: not the queries of base.tsv: of 60, 2 are only in base.tsv, such as (h0, likes, t0)" in reply.err
    assert "1 are only in fewer.tsv, such as (x, likes, y), tail asked for" in reply.err


def test_the_order_of_rows_does_not_matter_and_a_repeated_query_counts_as_often(files: Path, call):
    rows = Path("better.tsv").read_text().splitlines()
    Path("turned.tsv").write_text("\n".join([rows[0], *reversed(rows[1:])]))
    assert "not one triple is ranked otherwise" in call("compare", "better.tsv", "turned.tsv").out
    Path("twice.tsv").write_text("\n".join([*rows, rows[1]]))
    assert "1 are only in twice.tsv" in call("compare", "better.tsv", "twice.tsv").err


def test_runs_on_other_data_are_refused(seeds: Path, call):
    call("rank", "alone-0")
    with Path("tiny/train.txt").open("a") as file:
        file.write("f\tlikes\ta\n")
    call("fit", "tiny.toml", "--run", "other", "--set", "distill.policy=none")
    for name in ("alone-0", "alone-0/rank/ranks.parquet"):
        reply = call("compare", "other", name)
        assert reply.code == 3
        assert f"{name}: its data set is not that of other (sha256 " in reply.err


def test_runs_that_read_ties_otherwise_are_refused_unless_one_says_which_counts(seeds: Path, call):
    call("fit", "tiny.toml", "--run", "other", "--set", "distill.policy=none", "--set", "rank.ties=optimistic")
    reply = call("compare", "alone-0", "other")
    assert reply.code == 2
    assert "ties are not read alike (alone-0 realistic, other optimistic); say which counts" in reply.err
    assert call("compare", "alone-0", "other", "--ties", "pessimistic").code == 0


def test_a_model_that_a_run_or_file_lacks_is_refused(finished: Path, call):
    reply = call("compare", finished, finished, "--model", "teacher:sst")
    assert (reply.code, 'Did you mean "teacher:st"?' in reply.err) == (2, True)
    call("rank", finished, "--model", "student")
    file = finished / "rank" / "ranks.parquet"
    reply = call("compare", finished, file, "--model", "teacher:s")
    assert (reply.code, "holds no ranks of the model teacher:s. Known: student." in reply.err) == (3, True)
