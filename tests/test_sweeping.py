"""dsomgnn sweep: what is searched, that stops lose nothing, and that the test split plays no part."""

from __future__ import annotations

import csv
import importlib.util
import json
import sys
from pathlib import Path

import pytest
from conftest import RECIPE, write_workshop

from dsomgnn.alone import alone
from dsomgnn.errors import DataError, DsomError, RecipeError

needs_optuna = pytest.mark.skipif(not importlib.util.find_spec("optuna"), reason="needs the extra sweep")

SWEEP = RECIPE + '\n[sweep]\n"student.n3" = [0.005, 0.2, "log"]\n"distill.policy" = ["all", "reinforce"]\n'
GO = ("sweep", "tiny.toml", "--run", "out", "--trials")


@pytest.fixture
def searched(workshop: Path) -> Path:
    Path("tiny.toml").write_text(SWEEP)
    return workshop


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished sweep of three trials, to be read only."""
    from dsomgnn.sweeping import sweep_command

    folder = write_workshop(tmp_path_factory.mktemp("swept"))
    (folder / "tiny.toml").write_text(SWEEP)
    sweep_command(folder / "tiny.toml", [], 3, folder / "out")
    return folder / "out"


def trials(folder: str | Path = "out") -> list[dict]:
    """The lines of trials.csv, without their seconds."""
    with Path(folder, "trials.csv").open() as file:
        return [{k: v for k, v in line.items() if k != "seconds"} for line in csv.DictReader(file)]


def recorded(run: Path) -> dict:
    return json.loads((run / "record.json").read_text())


@needs_optuna
def test_a_sweep_tries_its_own_values_first_and_stays_in_its_ranges(swept: Path):
    lines = trials(swept)
    assert [line["trial"] for line in lines] == [str(n) for n in range(3)]
    assert [lines[0][k] for k in ("student.n3", "distill.policy", "distill.gamma")] == ["0.05", "reinforce", "1.0"]
    assert all(0.005 <= float(line["student.n3"]) <= 0.2 for line in lines)
    assert {line["distill.policy"] for line in lines} == {"all", "reinforce"}
    assert len({line["distill.gamma"] for line in lines}) == 3


@needs_optuna
def test_teachers_are_trained_once_for_all_trials_that_need_the_same(swept: Path):
    taken = {line["distill.policy"]: set() for line in trials(swept)}
    for line in trials(swept):
        phase = recorded(swept / line["run"])["phases"]["st"]
        taken[line["distill.policy"]].add(Path(phase["taken_from"]).name)
    assert [len(names) for names in taken.values()] == [1, 1]
    assert set().union(*taken.values()) == {path.name for path in (swept / "teachers").iterdir()}


@needs_optuna
def test_the_best_trial_is_a_whole_run_and_best_toml_its_recipe(swept: Path, call, tmp_path: Path):
    complete = [line for line in trials(swept) if line["state"] == "complete"]
    best = max(complete, key=lambda line: float(line["valid_mrr"]))
    ranks = call("rank", swept / best["run"], "--split", "valid", "--no-report", "--json", "-")
    assert json.loads(ranks.out)["models"]["student"]["both"]["mrr"] == pytest.approx(
        float(best["valid_mrr"]), abs=1e-6
    )
    others = [swept / line["run"] for line in trials(swept) if line["run"] != best["run"]]
    assert not [file for run in others for file in run.rglob("*.safetensors")]
    assert call("fit", swept / "best.toml", "--run", tmp_path / "again").code == 0
    again = recorded(tmp_path / "again")["phases"]["student"]["valid_mrr"]
    assert again == pytest.approx(float(best["valid_mrr"]), abs=1e-6)


@needs_optuna
def test_the_page_has_a_panel_per_setting_and_a_dot_per_complete_trial(swept: Path):
    page = (swept / "sensitivity.html").read_text()
    settings = ["distill.gamma", "distill.tau", "distill.alpha", "distill.beta", "student.n3", "distill.policy"]
    assert page.count("<svg") == len(settings)
    assert all(f"{key}: best" in page for key in settings)
    complete = sum(line["state"] == "complete" for line in trials(swept))
    assert page.count("<circle") == complete * len(settings)
    assert "//" not in page


@needs_optuna
def test_the_test_split_plays_no_part(searched: Path, call, monkeypatch):
    from dsomgnn import evaluate
    from dsomgnn.data.triples import load_dataset

    ranked, real = [], evaluate.rank_triples
    monkeypatch.setattr(evaluate, "rank_triples", lambda counter, *rest: ranked.append(rest[0]) or real(counter, *rest))
    assert call(*GO, 1).code == 0
    test = load_dataset(searched / "tiny").test
    assert ranked
    assert not any((triples[:, None] == test).all(2).any() for triples in ranked)


@needs_optuna
def test_the_same_command_goes_on_where_it_stood(searched: Path, swept: Path, call):
    first = call(*GO, 1)
    assert "the best of 1 trials" in first.out
    assert "Next: dsomgnn rank out/trials/0" in first.out
    assert call(*GO, 3).code == 0
    assert trials() == trials(swept)
    again = call(*GO, 3)
    assert (again.code, trials()) == (0, trials(swept))
    assert "trials 4/" not in again.err


@needs_optuna
@pytest.mark.parametrize("phase", ["st", "student"])
def test_a_stopped_trial_is_taken_up_again_and_the_sweep_ends_as_if_it_had_not_stopped(
    phase: str, searched: Path, swept: Path, call, monkeypatch
):
    import dsomgnn.phase

    monkeypatch.setattr(dsomgnn.phase, "SAVE_EVERY", 0.0)
    epochs, run_epoch = [], dsomgnn.phase._epoch

    def stopping(current, *words):
        epochs.append(current.name)
        if epochs.count(phase) == 4:
            raise KeyboardInterrupt
        return run_epoch(current, *words)

    with monkeypatch.context() as patch:
        patch.setattr(dsomgnn.phase, "_epoch", stopping)
        reply = call(*GO, 2)
    assert reply.code == 130
    assert "0 trials are kept. The same command goes on." in reply.err
    assert call(*GO, 2).code == 0
    assert trials() == trials(swept)[:2]


@pytest.fixture
def faked(workshop: Path, monkeypatch: pytest.MonkeyPatch):
    """tiny.toml without teachers; a trial's validation MRR grows over 5 epochs to what `faked` says of its recipe."""
    import dsomgnn.sweeping

    def ways(found):
        def fit(job, run, teachers_of=()):
            (run.path / "teachers").mkdir(parents=True, exist_ok=True)
            run.write_json("record.json", {})
            mrr = found(job.recipe)
            for epoch in range(1, 6):
                run.log({"event": "epoch", "phase": "student", "epoch": epoch, "valid_mrr": mrr * epoch / 5})
            return {"phases": {"student": {"valid_mrr": mrr}}}

        monkeypatch.setattr(dsomgnn.sweeping, "fit", fit)

    Path("tiny.toml").write_text(f'{RECIPE}\n[sweep]\n"student.n3" = [0.0, 1.0]\n'.replace('"reinforce"', '"none"'))
    ways(lambda recipe: recipe.student.n3)
    return ways


@needs_optuna
def test_a_trial_that_fails_is_told_and_does_not_end_the_sweep(faked, call):
    def diverges(recipe):
        if recipe.student.n3 == 0.05:
            raise DsomError("a score is NaN")
        return 0.5

    faked(diverges)
    reply = call(*GO, 3)
    assert reply.code == 0
    assert "trial 0 failed: a score is NaN" in reply.err
    assert [line["state"] for line in trials()] == ["failed", "complete", "complete"]


@needs_optuna
def test_an_error_in_the_data_ends_the_sweep_and_its_trial_is_taken_up_again(faked, call):
    def spoilt(recipe):
        raise DataError("train.txt: gone")

    faked(spoilt)
    assert call(*GO, 2).code == 3
    faked(lambda recipe: 0.5)
    assert call(*GO, 2).code == 0
    assert [(line["trial"], line["state"]) for line in trials()] == [("0", "complete"), ("1", "complete")]


@needs_optuna
def test_a_sweep_of_failures_says_so(faked, call):
    def refused(recipe):
        raise RecipeError("no")

    faked(refused)
    reply = call(*GO, 2)
    assert (reply.code, "none of 2 trials came to its end" in reply.err) == (2, True)


@needs_optuna
def test_poor_trials_are_pruned_by_the_median_of_the_others(faked, call):
    call(*GO, 12)
    lines = trials()
    assert all(line["state"] == "complete" for line in lines[:5])
    pruned = [line for line in lines if line["state"] == "pruned"]
    assert pruned
    assert all(int(line["epochs"]) < 5 for line in pruned)
    assert max(lines, key=lambda line: float(line["student.n3"]))["state"] == "complete"


REFUSED = {
    "a misspelt key": ('"student.n33" = [0.1, 0.2]', 2, '41: [sweep] unknown key "student.n33". Did you mean "n3"?'),
    "no such teacher": ('"teachers.sst.rank" = [1, 2]', 2, 'unknown key "teachers.sst.rank". Did you mean "st"?'),
    "a value out of bounds": ('"student.n3" = [-1.0, 0.2]', 2, "tiny.toml:41: [sweep] student.n3 = -1.0"),
    "an unknown choice": ('"distill.policy" = ["all", "al"]', 2, 'unknown policy "al". Did you mean "all"?'),
    "a range upside down": ('"student.n3" = [0.2, 0.1]', 2, "expected [low, high]"),
    "a log range from zero": ('"student.n3" = [0.0, 0.1, "log"]', 2, '"log" is the last word of a range above zero'),
    "nothing": ('"student.n3" = []', 2, "tiny.toml:41: sweep.student.n3"),
    "no list": ('"student.n3" = 0.1', 2, "tiny.toml:41: sweep.student.n3"),
}  # fmt: skip


@needs_optuna
@pytest.mark.parametrize(("line", "code", "told"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_searched_is_refused_before_anything_is_made(line: str, code: int, told: str, workshop, call):
    Path("tiny.toml").write_text(f"{RECIPE}\n[sweep]\n{line}\n")
    reply = call(*GO, 2)
    assert reply.code == code
    assert told in reply.err
    assert not Path("out").exists()


@needs_optuna
def test_a_recipe_with_nothing_to_search_is_refused(workshop: Path, call):
    reply = call(*GO, 2, "--set", "distill.policy=none")
    assert (reply.code, "nothing to search" in reply.err) == (2, True)


@needs_optuna
def test_a_folder_of_something_else_is_left_alone(searched: Path, call):
    Path("out").mkdir()
    Path("out/notes.txt").write_text("mine")
    assert "out: holds other files" in call(*GO, 1).err
    Path("out/study.db").write_text("no database")
    reply = call(*GO, 1)
    assert (reply.code, "out/study.db: cannot be opened as a sweep" in reply.err) == (5, True)
    assert Path("out/notes.txt").read_text() == "mine"


@needs_optuna
def test_another_recipe_does_not_go_on_with_a_sweep(faked, call):
    call(*GO, 1)
    reply = call(*GO, 2, "--set", "student.rank=5")
    assert (reply.code, "out: holds a sweep of another recipe" in reply.err) == (2, True)
    assert len(trials()) == 1


@needs_optuna
def test_two_sweeps_do_not_share_a_folder_at_once(faked, call):
    call(*GO, 1)
    with alone(Path("out"), "sweep"):
        reply = call(*GO, 2)
    assert (reply.code, "out: another sweep is at work here" in reply.err) == (5, True)


def test_without_the_extra_one_is_told_how_to_get_it(workshop: Path, call, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    reply = call(*GO, 1)
    assert (reply.code, 'pip install "dsomgnn[sweep]"' in reply.err) == (2, True)
    assert not Path("out").exists()


def test_ints_stay_ints_and_anything_else_is_a_choice(workshop: Path):
    optuna = pytest.importorskip("optuna", reason="needs the extra sweep")
    from dsomgnn.sweep.space import as_changes, space_of

    table = "\n".join(
        (
            '"student.rank" = [2, 8]',
            '"student.n3" = [0, 1]',
            '"teachers.st.fanouts" = [[3], [4]]',
            '"student.merge" = [true, false]',
            '"student.batch" = [5, 7, 9]',
        )
    )
    Path("tiny.toml").write_text(f"{RECIPE}\n[sweep]\n{table}\n")
    space = space_of(Path("tiny.toml"), [])
    assert space["student.rank"] == optuna.distributions.IntDistribution(2, 8)
    assert space["student.n3"] == optuna.distributions.FloatDistribution(0, 1)
    assert [d.choices for d in map(space.get, ("teachers.st.fanouts", "student.merge", "student.batch"))] == [
        ("[3]", "[4]"), ("true", "false"), ("5", "7", "9"),
    ]  # fmt: skip
    assert as_changes({"a.b": "all", "c": 0.5, "d": 3}) == ["a.b=all", "c=0.5", "d=3"]


@needs_optuna
def test_weights_of_a_split_that_is_not_made_are_not_searched(workshop: Path):
    from dsomgnn.sweep.space import space_of

    assert {"distill.alpha", "distill.beta"} <= set(space_of(Path("tiny.toml"), []))
    assert set(space_of(Path("tiny.toml"), ["distill.neighbourhood=none"])) == {"distill.gamma", "distill.tau"}
