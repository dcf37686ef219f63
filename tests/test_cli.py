"""The commands as they are typed: what they print, what they leave behind, and every word that a recipe offers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Literal, get_args, get_origin

import numpy as np
import pytest
import torch
from conftest import ROOT

from dsomgnn import doctor
from dsomgnn.data import features
from dsomgnn.recipe import load_recipe
from dsomgnn.settings import AgentRecipe, Distill, Rank, Student, TeacherRecipe

COMMANDS = [["fit"], ["rank"], ["check"], ["doctor"], ["recipes", "ls"], ["recipes", "cp"]]


def events(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_fit_ends_with_the_table_and_a_next_command_that_works(workshop: Path, call):
    reply = call("fit", "tiny.toml")
    assert reply.code == 0
    assert all(word in reply.out for word in ("teacher:s ", "teacher:st ", "student ", "MRR"))
    *_, last = reply.out.strip().splitlines()
    assert last.startswith("Next: dsomgnn rank runs/tiny-")
    assert call(*last.split()[2:]).code == 0


def test_fit_without_a_terminal_writes_one_line_per_epoch_to_stderr(workshop: Path, call):
    first, *lines = call("fit", "tiny.toml", "--run", "out").err.splitlines()
    assert first == "run folder: out"
    assert [line.split()[:2] for line in lines if not line.startswith("warning: ")] == [
        *(["s", f"{i}/3"] for i in (1, 2, 3)),
        *(["st", f"{i}/4"] for i in (1, 2, 3, 4)),
        *(["student", f"{i}/5"] for i in (1, 2, 3, 4, 5)),
    ]


def test_a_warning_of_the_data_is_one_plain_line(workshop: Path, call, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(features, "FEW", 3)
    np.save(workshop / "tiny" / "x.npy", np.ones((6, 2), dtype=np.float32))
    words = [f"features.text.{change}" for change in ("source=x.npy", "encoder=array")]
    reply = call("check", "tiny.toml", *(word for change in words for word in ("--set", change)))
    told = [line for line in reply.err.splitlines() if "one and the same vector" in line]
    assert [line.partition("x.npy: 6 of 6 ")[0] for line in told] == ["warning: tiny/"]
    assert ".py" not in reply.err


def test_every_command_says_what_it_is_for_in_one_whole_line_of_80_columns(call, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    for group in ([], ["data"], ["recipes"]):
        listed = call(*group, "--help").out.partition("Commands:\n")[2].partition("\n\n")[0]
        assert [line for line in listed.splitlines() if not line.endswith(".")] == []


def test_a_finished_run_holds_these_files_and_no_other(trained: Path):
    assert {str(p.relative_to(trained)) for p in trained.rglob("*") if p.is_file()} == {
        "recipe.toml", "record.json", "metrics.jsonl", "entities.tsv", "relations.tsv", "student.safetensors",
        "policy.safetensors", "teachers/s.safetensors", "teachers/st.safetensors",
    }  # fmt: skip


def test_the_record_tells_what_the_run_was_made_of(trained: Path):
    record = json.loads((trained / "record.json").read_text())
    assert record["finished"] is True
    assert record["recipe_sha256"] == load_recipe(trained / "recipe.toml").sha256()
    assert (record["seed"], record["policy"], record["device"]) == (0, "reinforce", "cpu")
    assert {name: record["versions"][name] for name in ("torch", "dgl")} == {n: version(n) for n in ("torch", "dgl")}
    assert {k: record["data"][k] for k in ("entities", "relations", "train", "valid", "test")} == {
        "entities": 6, "relations": 2, "train": 10, "valid": 2, "test": 2,
    }  # fmt: skip
    assert len(record["data"]["sha256"]) == 64
    assert record["modalities"]["text"]["present"] == 5
    assert record["teacher_train_triples"] == 8  # a fifth is in reserve for the agent
    assert list(record["phases"]) == ["s", "st", "student"]


def test_the_metrics_are_one_event_per_epoch_and_phase_and_name_the_best(trained: Path):
    logged = events(trained)
    record = json.loads((trained / "record.json").read_text())
    for name, epochs in (("s", 3), ("st", 4), ("student", 5)):
        own = [event for event in logged if event["event"] == "epoch" and event["phase"] == name]
        assert [event["epoch"] for event in own] == list(range(1, epochs + 1))
        best = max(event.get("valid_mrr", -1) for event in own)
        (end,) = (event for event in logged if event["event"] == "phase" and event["phase"] == name)
        assert record["phases"][name]["valid_mrr"] == end["valid_mrr"] == best


def test_the_agent_reports_shares_and_rewards_after_its_warm_up(trained: Path):
    student = [event for event in events(trained) if event["phase"] == "student" and event["event"] == "epoch"]
    assert student[0]["share"]["s"] == 1 > student[0]["share"]["st"] > 0  # all speak, but for f, who has no text
    assert ["reward" in event for event in student] == [False, True, True, True, False]  # then it only chooses
    assert all(0 <= event["empty"] <= 1 for event in student)
    assert all(0 <= event["reward"] <= 1 for event in student[1:4])


POOLS = {
    "reinforce": ["s", "st"], "all": ["s", "st"], "random": ["s", "st"], "single:s": ["s"], "single:st": ["st"],
    "none": [],
}  # fmt: skip


@pytest.mark.parametrize(("policy", "pool"), POOLS.items())
def test_a_policy_trains_the_teachers_that_it_needs_and_no_other(policy: str, pool: list, workshop: Path, call):
    assert call("fit", "tiny.toml", "--run", "out", "--set", f"distill.policy={policy}").code == 0
    assert sorted(p.stem for p in Path("out/teachers").iterdir()) == pool
    assert Path("out/policy.safetensors").exists() == (policy == "reinforce")
    last = [event for event in events(Path("out")) if event["event"] == "epoch"][-1]
    assert list(last.get("share", {})) == pool
    if policy == "all":  # f, who has no text, asks 3 of the 20 queries
        assert last["share"] == pytest.approx({"s": 1.0, "st": 0.85})
    assert call("rank", "out", "--model", "all").code == 0


def _offered() -> list[str]:
    """Every other word of every closed choice in a recipe, as a change of tiny.toml."""
    homes = {"student": Student, "teachers.st": TeacherRecipe, "distill": Distill, "agent": AgentRecipe, "rank": Rank}
    words = [
        f"{section}.{name}={word}"
        for section, model in homes.items()
        for name, field in model.model_fields.items()
        if get_origin(field.annotation) is Literal
        for word in get_args(field.annotation)
        if word != field.default
    ]
    switches = ["distill.binary=false", "student.merge=false", "teachers.st.merge=false", "teachers.st.structure=false"]
    return words + switches + ["teachers.st.encoder=rgcn", "teachers.st.structure_dropout=0.5", "threads=1"]


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("change", _offered())
def test_every_word_that_a_recipe_offers_runs_and_is_recorded(change: str, workshop: Path, call):
    reply = call("fit", "tiny.toml", "--run", "out", "--set", change)
    assert reply.code == 0, reply.err
    key, _, word = change.partition("=")
    value = load_recipe("out/recipe.toml").model_dump()
    for part in key.split("."):
        value = value[part]
    assert str(value).lower() == word
    assert 0 < json.loads(Path("out/record.json").read_text())["phases"]["student"]["valid_mrr"] <= 1


def test_rank_prints_one_json_object_and_nothing_else_on_stdout(finished: Path, call):
    reply = call("rank", finished, "--json", "-")
    assert reply.out.count("\n") == 1
    result = json.loads(reply.out)
    assert (result["split"], result["ties"], list(result["models"])) == ("test", "realistic", ["student"])
    student = result["models"]["student"]
    for side, n in (("both", 4), ("head", 2), ("tail", 2)):
        assert set(student[side]) == {"mrr", "mr", "hits@1", "hits@3", "hits@10", "n"}
        assert student[side]["n"] == n
    assert student["both"]["mrr"] == pytest.approx((student["head"]["mrr"] + student["tail"]["mrr"]) / 2)
    assert student["relations"] == {"likes": {"mrr": pytest.approx(student["both"]["mrr"]), "n": 4}}


def test_rank_takes_the_model_the_split_and_the_ties_that_are_asked_for(finished: Path, call):
    def asked(*words: str) -> dict:
        return json.loads(call("rank", finished, "--json", "-", *words).out)

    every = asked("--model", "all")["models"]
    assert list(every) == ["student", "teacher:s", "teacher:st", "ensemble"]
    assert asked("--model", "ensemble")["models"] == {"ensemble": every["ensemble"]}
    assert asked("--model", "teacher:st")["models"] == {"teacher:st": every["teacher:st"]}
    valid = asked("--split", "valid")["models"]["student"]
    record = json.loads((finished / "record.json").read_text())
    assert valid["both"]["mrr"] == pytest.approx(record["phases"]["student"]["valid_mrr"])
    for ties in ("optimistic", "realistic", "pessimistic"):
        model = asked("--ties", ties)["models"]["student"]
        assert model["both"]["mrr"] == model["ties"][ties]


def test_a_teacher_without_its_modality_ranks_otherwise_and_one_of_structure_alone_does_not(workshop: Path, call):
    call("fit", "tiny.toml", "--run", "out", "--set", "teachers.st.init=1.0", "--set", "seed=1")

    def asked(*words: str) -> dict:
        return json.loads(call("rank", "out", "--json", "-", "--model", "all", *words).out)

    whole, half, bare = asked(), asked("--drop", "text=0.5"), asked("--drop", "text=1")
    assert (whole["drop"], bare["drop"]) == ({}, {"text": 1.0})
    for model in ("student", "teacher:s"):
        assert whole["models"][model] == half["models"][model] == bare["models"][model]
    assert bare["models"]["teacher:st"] != whole["models"]["teacher:st"]
    assert asked("--drop", "text=0")["models"] == whole["models"]
    assert asked("--drop", "text=0.5") == half


def test_a_student_has_no_modality_to_drop_and_rank_says_so(finished: Path, call):
    assert "--drop changes nothing" in call("rank", finished, "--drop", "text=0.5").err
    assert "text removed for 50%" in call("rank", finished, "--drop", "text=0.5", "--model", "all").out


def test_entities_without_a_train_triple_are_a_slice_of_their_own(workshop: Path, call):
    with Path("tiny/test.txt").open("a") as file:
        file.write("g\tlikes\ta\n")
    assert call("fit", "tiny.toml", "--run", "out", "--set", "distill.policy=none").code == 0
    slices = json.loads(call("rank", "out", "--json", "-").out)["models"]["student"]["slices"]
    assert {name: values["n"] for name, values in slices.items()} == {
        "all entities seen": 4, "an entity unseen": 2, "- as the answer": 1, "- as the given one": 1
    }  # fmt: skip
    assert "an entity unseen" in call("rank", "out").out


def test_models_are_selected_on_a_part_of_train_where_the_recipe_says_so(workshop: Path, call):
    assert call("fit", "tiny.toml", "--run", "out", "--set", "data.holdout=0.3").code == 0
    data = json.loads(Path("out/record.json").read_text())["data"]
    assert (data["train"], data["valid"]) == (7, 3)
    assert "held out of train" in "".join(data["warnings"])
    assert json.loads(call("rank", "out", "--split", "valid", "--json", "-").out)["models"]["student"]["both"]["n"] == 6


def test_rank_writes_the_same_json_to_a_file_and_the_tables_to_stdout(finished: Path, call):
    printed = json.loads(call("rank", finished, "--json", "-").out)
    out = call("rank", finished, "--json", "x.json").out
    assert json.loads(Path("x.json").read_text()) == printed
    assert f"{printed['models']['student']['both']['mrr']:.4f}" in out
    assert "likes" in out


def test_rank_without_a_run_takes_the_latest(finished: Path, call):
    shutil.copytree(finished, "runs/second")
    for name, time in (("first", 9), ("second", 3)):
        os.utime(f"runs/{name}/record.json", (time, time))
    assert call("rank").out.splitlines()[0] == "runs/first"


def test_a_run_can_be_ranked_where_only_the_data_set_was_moved(workshop: Path, call):
    call("fit", "tiny.toml", "--run", "runs/x", "--set", "distill.policy=none")
    before = json.loads(call("rank", "runs/x", "--json", "-").out)
    Path("datasets").mkdir()
    shutil.move("tiny", "datasets/tiny")
    assert json.loads(call("rank", "runs/x", "--json", "-").out) == before


@pytest.mark.parametrize("name", ["[/likes]", "[bold]"])
def test_names_are_printed_as_they_are(name: str, workshop: Path, call):
    for file in Path("tiny").glob("*.txt"):
        file.write_text(file.read_text().replace("likes", name))
    assert call("fit", "tiny.toml", "--run", "out").code == 0
    assert name in call("rank", "out").out


def test_check_tells_of_data_modalities_teachers_and_memory_and_trains_nothing(workshop: Path, call):
    before = set(Path().rglob("*"))
    reply = call("check", "tiny.toml")
    assert reply.code == 0
    for words in ("6 entities, 2 relations, 10 / 2 / 2 triples", "text: 4 columns, present for 83.3%", "memory "):
        assert words in reply.out
    assert "teacher   st" in reply.out
    assert "products  float32\n" in reply.out
    assert set(Path().rglob("*")) == before


def test_doctor_tells_which_extras_are_there_and_how_to_get_the_others(call, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor, "find_spec", lambda module: None if module == "optuna" else module)
    out = call("doctor").out
    assert "[sweep]        for dsomgnn sweep: pip install 'dsomgnn[sweep]'" in out
    assert "[text]         installed: minilm and other text networks" in out


def test_doctor_names_versions_and_what_is_missing(call):
    reply = call("doctor")
    assert reply.code == 0
    for name in ("torch", "dgl", "GraphBolt", "GPU", "DGL build", "OMP_WAIT_POLICY"):
        assert name in reply.out


def test_recipes_ls_names_every_shipped_recipe_with_a_line_about_it(call):
    lines = {line.split()[0]: line.split()[1:] for line in call("recipes", "ls").out.splitlines()}
    assert set(lines) == {p.name for p in (ROOT / "recipes").iterdir() if p.suffix in (".toml", ".py")}
    assert all(lines.values())


def test_recipes_cp_brings_the_encoder_along_and_overwrites_nothing(tmp_path: Path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    reply = call("recipes", "cp", "worldfacts-own-encoder.toml")
    assert reply.out.split() == ["worldfacts-own-encoder.toml", "my_encoder.py"]
    assert Path("my_encoder.py").read_bytes() == (ROOT / "recipes" / "my_encoder.py").read_bytes()
    Path("my_encoder.py").write_text("mine")
    again = call("recipes", "cp", "worldfacts-own-encoder", "other.toml")
    assert (again.code, Path("my_encoder.py").read_text()) == (2, "mine")
    assert "exists already" in again.err
    assert 'Did you mean "worldfacts.toml"?' in call("recipes", "cp", "worldfact.toml").err


def test_a_copied_recipe_works_where_it_was_copied_to(tmp_path: Path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    call("recipes", "cp", "worldfacts-own-encoder.toml", "mine.toml")
    reply = call("check", "mine.toml")
    assert reply.code == 0, reply.err
    assert "744 entities" in reply.out


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_of_a_command_gives_an_example(command: list[str], call):
    reply = call(*command, "--help")
    assert reply.code == 0
    assert f"Example: dsomgnn {' '.join(command)}" in reply.out


def test_the_version_is_the_installed_one(call):
    assert call("--version").out.strip() == version("dsomgnn")


USAGE = {
    "nothing to fit": ["fit"],
    "recipe and resume": ["fit", "tiny.toml", "--resume", "runs/first"],
    "resume with changes": ["fit", "--resume", "runs/first", "--set", "seed=1"],
    "resume into another folder": ["fit", "--resume", "runs/first", "--run", "x"],
    "unknown split": ["rank", "runs/first", "--split", "tset"],
    "unknown ties": ["rank", "runs/first", "--ties", "optimist"],
    "unknown format": ["rank", "runs/first", "--format", "latecks"],
    "unknown model": ["rank", "runs/first", "--model", "teacher:sst"],
    "dropping what no teacher has": ["rank", "runs/first", "--drop", "image=0.4"],
    "dropping more than all": ["rank", "runs/first", "--drop", "text=1.4"],
    "dropping no number": ["rank", "runs/first", "--drop", "text"],
    "json nowhere": ["rank", "runs/first", "--json", "no/such/folder/x.json"],
    "unknown option": ["fit", "tiny.toml", "--epochs", "3"],
    "unknown command": ["train", "tiny.toml"],
}


@pytest.mark.parametrize("words", USAGE.values(), ids=USAGE.keys())
def test_wrong_usage_exits_2_with_a_message_on_stderr_only(words: list[str], finished: Path, call):
    reply = call(*words)
    assert (reply.code, reply.out) == (2, "")
    assert "rror: " in reply.err


def test_a_true_process_in_a_fresh_home_prints_only_the_json(finished: Path, tmp_path: Path):
    """dgl asks for a backend on stdout where it finds no settings."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("DGL")}
    done = subprocess.run(
        [sys.executable, "-m", "dsomgnn", "rank", str(finished), "--json", "-"],
        env=variables | {"HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert list(json.loads(done.stdout)["models"]) == ["student"]


def test_the_report_is_written_where_nobody_reads_the_tables_any_more(finished: Path):
    """`dsomgnn rank | head -1`."""
    command = [sys.executable, "-m", "dsomgnn", "rank", str(finished)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 0, said
    assert "report: " in said
    assert "roken" not in said
    assert (finished / "rank" / "report.html").exists()
