"""benchmarks/evidence.py: what it runs, what it skips, what it compares, and what it tells."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from statistics import fmean, stdev

import pytest
from conftest import ROOT, write_workshop

sys.path.insert(0, str(ROOT / "benchmarks"))

from evidence import runs
from evidence.command import main
from evidence.plan import BASELINE, BEGUN, Suite, pairs, suites, trials, variants
from evidence.records import Records
from evidence.render import _best_teacher, figures, headlines, markdown

from dsomgnn import cli

SUITE = """\
[tiny]
recipe = "tiny.toml"
rank = 4
baseline = ["student.n3=0.5"]
headline = "all teachers"
"""
WORDS = ["--dataset", "tiny", "--variants", "baseline", "all teachers", "--seeds", "2"]


def call(folder: Path, *words: str) -> int:
    return main(
        words=[*words, *(str(w) for w in ("--suites", folder / "s.toml", "--out", folder, "--runs", folder / "r"))]
    )


def in_this_process(*words: str) -> str:
    """As `runs.dsomgnn` does it, but for the seconds that a process takes to begin."""
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err, pytest.raises(SystemExit) as stop:
        cli.main(list(words))
    if stop.value.code:
        raise runs.CommandError(err.getvalue())
    return out.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two seeds of baseline and all teachers on record."""
    folder = write_workshop(tmp_path_factory.mktemp("evidence"))
    (folder / "s.toml").write_text(SUITE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "dsomgnn", in_this_process)
        assert call(folder, *WORDS) == 0
    return folder


def lines(folder: Path, kind: str) -> list[dict]:
    return [line for line in records(folder).lines if line["kind"] == kind]


def records(folder: Path) -> Records:
    return Records.read(suites(folder / "s.toml")["tiny"], folder)


def test_every_suite_has_its_recipe_and_its_headline():
    for suite in suites(ROOT / "benchmarks" / "evidence.toml").values():
        assert suite.headline in variants(suite)
        assert suite.settings().student.rank == suite.rank


def test_a_taught_student_of_another_rank_may_have_settings_of_its_own(made: Path):
    file = made / "at.toml"
    file.write_text(f'{SUITE}\n[tiny.at]\n2 = ["distill.gamma=3"]\n')
    suite = suites(file)["tiny"]
    found = {(t.variant, t.rank): t.changes[1:] for t in trials(suite, [BASELINE, "all teachers"], [4, 2, 3], 1)}
    assert found[BASELINE, 4] == ("student.n3=0.5",)
    assert found[BASELINE, 2] == ("student.n3=0.5", "student.rank=2")
    assert found["all teachers", 4] == ()
    assert found["all teachers", 2] == ("student.rank=2", "distill.gamma=3")
    assert found["all teachers", 3] == ("student.rank=3",)


def test_each_run_has_a_line_with_what_it_was_made_of(made: Path):
    found = lines(made, "run")
    assert [(r["variant"], r["seed"]) for r in found] == [(v, s) for s in (0, 1) for v in (BASELINE, "all teachers")]
    assert [r["set"] for r in found[:2]] == [["distill.policy=none", "student.n3=0.5"], ["distill.policy=all"]]
    assert all((r["split"], r["ties"], r["rank"], r["n"]) == ("test", "realistic", 4, 4) for r in found)
    assert set(found[1]["teachers"]) == {"s", "st", "ensemble"}
    assert found[1]["modalities"] == {"text": 5 / 6}
    for r in found:
        record = json.loads((made / "r" / r["run"] / "record.json").read_text())
        student = record["phases"]["student"]
        assert (record["seed"], r["valid_mrr"]) == (r["seed"], student["valid_mrr"])
        assert (r["student_seconds"], r["seconds"]) == (student["seconds"], record["seconds"])


def test_what_is_on_record_is_not_run_again(made: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runs, "dsomgnn", lambda *words: pytest.fail(f"ran {words}"))
    before = (made / "results" / "tiny.jsonl").read_bytes()
    assert call(made, *WORDS) == 0
    assert (made / "results" / "tiny.jsonl").read_bytes() == before


def test_teachers_are_shared_where_they_would_come_out_the_same(made: Path):
    assert call(made, *WORDS[:3], "plain KL", "--seeds", "1") == 0
    run = lines(made, "run")[-1]["run"]
    phases = json.loads((made / "r" / run / "record.json").read_text())["phases"]
    assert all("all_teachers-4-0" in phases[name]["taken_from"] for name in ("s", "st"))


def test_the_paired_test_is_of_the_seeds_on_record(made: Path):
    [test] = [t for t in lines(made, "paired test") if t["other"] == ["all teachers", 4] and t["seeds"] == [0, 1]]
    mrr = {v: fmean(r["mrr"] for r in lines(made, "run") if r["variant"] == v) for v in (BASELINE, "all teachers")}
    found = test["slices"]["all"]
    assert found["difference"] == pytest.approx(mrr["all teachers"] - mrr[BASELINE])
    assert 0 < found["p"] <= 1


def test_figures_are_means_over_the_seeds(made: Path):
    assert call(made, "--json", str(made / "figures.json")) == 0
    told = json.loads((made / "figures.json").read_text())["tiny"]
    own = [r for r in lines(made, "run") if r["variant"] == BASELINE]
    assert (told["rank"], told["seeds"]) == (4, 2)
    assert told["baseline"]["mrr"] == pytest.approx(fmean(r["mrr"] for r in own))
    assert told["baseline"]["std"] == pytest.approx(stdev(r["mrr"] for r in own))
    assert told["distilled"]["hits@10"] == pytest.approx(
        fmean(r["hits@10"] for r in lines(made, "run") if r["variant"] == "all teachers")
    )
    assert 0 < told["p"] <= 1


def test_a_changed_recipe_makes_old_lines_stale(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "tiny.jsonl").write_bytes((made / "results" / "tiny.jsonl").read_bytes())
    (tmp_path / "s.toml").write_text(SUITE)
    text = (made / "tiny.toml").read_text()
    (tmp_path / "tiny.toml").write_text(f"# a comment changes nothing\n{text}")
    assert call(tmp_path, *WORDS, "--plan") == 0
    assert capsys.readouterr().out == ""
    for changed, stale in {
        text.replace("rows = 8", "rows = 9"): [],  # no agent chooses
        text.replace("walks = 4", "walks = 5"): ["all teachers"] * 2,  # no one teaches the baseline
        text.replace("batch = 5", "batch = 4"): [BASELINE, "all teachers"] * 2,
    }.items():
        assert changed != text
        (tmp_path / "tiny.toml").write_text(changed)
        assert call(tmp_path, *WORDS, "--plan") == 0
        assert [line.split(", ")[1] for line in capsys.readouterr().out.splitlines()] == stale


def test_runs_of_other_settings_do_not_stand_in_one_table(made: Path, tmp_path: Path):
    """A new baseline beside an old student would show a gain, or a loss, that no one has measured."""
    found, suite = records(made), suites(made / "s.toml")["tiny"]
    assert figures(found, suite)["seeds"] == 2
    (tmp_path / "tiny.toml").write_text((made / "tiny.toml").read_text().replace("walks = 4", "walks = 5"))
    (tmp_path / "s.toml").write_text(SUITE)
    suite = suites(tmp_path / "s.toml")["tiny"]
    changed = Records(suite, found.file, found.lines)
    assert figures(changed, suite) is None
    assert [run["seed"] for run in changed.runs(BASELINE, 4)] == [0, 1]
    assert changed.runs("all teachers", 4) == []
    assert changed.kinds == [(BASELINE, 4)]


def test_the_page_tells_every_variant_with_its_gain(made: Path):
    assert call(made, "--render") == 0
    page = (made / "EVIDENCE.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith("| all teachers"))
    [test] = [t for t in lines(made, "paired test") if t["other"] == ["all teachers", 4] and t["seeds"] == [0, 1]]
    assert f"{100 * test['slices']['all']['difference']:+.2f} [" in row
    assert "text (83% of entities)" in page


def test_a_test_of_runs_that_were_made_again_elsewhere_is_marked(made: Path):
    known = suites(made / "s.toml")
    told = lambda: markdown({"tiny": again}, known)  # noqa: E731
    again = records(made)
    assert "†" not in told()
    again.lines = [line | {"mrr": line["mrr"] + 0.01} if line["kind"] == "run" else line for line in again.lines]
    assert "† [" in told()
    assert "on another processor" in told()
    before = len(records(made).lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "dsomgnn", in_this_process)
        patch.setattr(Records, "of_the_table", lambda *_: False)
        assert call(made, *WORDS) == 0
    assert len(records(made).lines) == before, "a test that is no better is not added again"


def test_settings_of_a_whole_suite_are_those_of_every_trial(made: Path):
    file = made / "changed.toml"
    more = 'changes = ["teachers.more.rank=2", "student.batch=3"]'
    file.write_text(f"{SUITE}{more}\n")
    suite = suites(file)["tiny"]
    assert "more alone" in variants(suite)
    for trial in trials(suite, [BASELINE, "all teachers"], [4, 2], 1):
        assert trial.changes[:2] == ("teachers.more.rank=2", "student.batch=3")
    (plain,) = trials(suites(made / "s.toml")["tiny"], ["all teachers"], [2], 1)
    assert trial.key["recipe_sha256"] != plain.key["recipe_sha256"]


def test_controls_begin_with_random_vectors_beside_a_student_that_begins_as_a_teacher(made: Path):
    """So lines that were on record before the recipe said as which stay those of their variants."""
    file = made / "begun.toml"
    file.write_text(f"{SUITE}changes = ['distill.begin=\"s\"']\n")
    begun, plain = (suites(f)["tiny"] for f in (file, made / "s.toml"))
    assert set(variants(begun)) - set(variants(plain)) == {BEGUN}
    names = ["all teachers", "agent", "plain KL", "random sets", "s alone", "40 % removed"]
    keys = [[trial.key for trial in trials(suite, names, [4], 1)] for suite in (begun, plain)]
    assert keys[0] == keys[1]
    (own,) = trials(begun, [BEGUN], [4], 1)
    assert own.key["recipe_sha256"] not in {key["recipe_sha256"] for key in keys[0]}
    file.write_text(f"{SUITE}begin = 's'\n")
    (said,) = trials(suites(file)["tiny"], [BEGUN], [4], 1)
    assert said.key == own.key
    found = list(pairs(begun, [BEGUN], [4]))
    assert found == [((BASELINE, 4), (BEGUN, 4)), (("all teachers", 4), (BEGUN, 4))]


def test_figures_in_the_readme_are_those_on_record():
    known = suites(ROOT / "benchmarks" / "evidence.toml")
    table = headlines({name: Records.read(suite, ROOT / "benchmarks") for name, suite in known.items()}, known)
    assert f"<!-- evidence -->\n{table}\n<!-- end evidence -->" in (ROOT / "README.md").read_text()


def test_what_is_not_known_is_refused(made: Path, capsys: pytest.CaptureFixture):
    assert call(made, "--dataset", "tinny") == 2
    assert 'Did you mean "tiny"?' in capsys.readouterr().err
    assert call(made, *WORDS[:3], "agnt") == 2
    assert 'Did you mean "agent"?' in capsys.readouterr().err


def test_smaller_students_are_compared_with_the_full_baseline(made: Path):
    suite = suites(made / "s.toml")["tiny"]
    found = list(pairs(suite, [BASELINE, "all teachers", "agent"], [4, 1]))
    assert ((BASELINE, 4), ("all teachers", 1)) in found
    assert (("all teachers", 4), ("agent", 4)) in found
    assert ((BASELINE, 4), (BASELINE, 1)) not in found
    for control in ("plain KL", "structure alone", "random sets", "no other part"):
        assert ((control, 4), ("all teachers", 4)) in list(pairs(suite, [control], [4]))
    assert (("40 % removed", 4), ("all teachers", 4)) not in list(pairs(suite, ["40 % removed"], [4]))
    of_four_times_the_rank = list(pairs(suite, ["all teachers"], [2, 8]))
    assert of_four_times_the_rank == [
        ((BASELINE, 2), ("all teachers", 2)),
        ((BASELINE, 8), ("all teachers", 2)),
        ((BASELINE, 8), ("all teachers", 8)),
    ]


def test_a_trial_of_another_rank_or_setting_has_a_folder_of_its_own(made: Path):
    suite = suites(made / "s.toml")["tiny"]
    other = Suite(suite.dataset, suite.recipe, suite.rank, ("student.n3=0.1",), suite.headline)
    folders = [t.folder for s in (suite, other) for t in trials(s, [BASELINE], [4, 2], 2)]
    assert len(set(folders)) == len(folders) == 8


def test_the_best_teacher_on_the_unseen_is_best_over_seeds_and_no_ensemble():
    def run(a: float, b: float) -> dict:
        each = {"a": a, "b": b, "ensemble": 0.9}
        return {"teachers": {name: {"mrr": 0.5, "unseen": {"mrr": mrr, "n": 7}} for name, mrr in each.items()}}

    assert _best_teacher([run(0.1, 0.2), run(0.4, 0.2)]) == "25.00"
    assert _best_teacher([{"teachers": {"a": {"mrr": 0.5}}}]) == ""
    assert _best_teacher([{"teachers": {}}]) == ""
