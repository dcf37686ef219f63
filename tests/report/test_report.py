"""`dsomgnn rank`: the report in the run folder, from the command line, and some of its figures by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
import torch

from dsomgnn.rank.ranks import Ranks
from dsomgnn.report import folder
from dsomgnn.report.measure import calibrations, choice_shares, figures

FILES = ["ranks.parquet", "report.html", "report.json"]


def written(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "rank").glob("*")) if (run / "rank").exists() else []


def report_of(run: Path) -> dict:
    return json.loads((run / "rank" / "report.json").read_text())


def test_the_table_is_of_the_student_and_the_report_of_all_models(finished: Path, call):
    reply = call("rank", finished, "--json", "x.json")
    assert (reply.code, written(finished)) == (0, FILES)
    assert "teacher:st" not in reply.out
    assert "ranking teacher:s, teacher:st, ensemble for the report" in reply.err
    assert reply.err.splitlines()[-1] == f"report: {finished}/rank/report.html"
    report = report_of(finished)
    assert list(report["models"]) == ["student", "teacher:s", "teacher:st", "ensemble"]
    shown = json.loads(Path("x.json").read_text())["models"]["student"]
    assert {side: report["models"]["student"][side] for side in ("both", "head", "tail")} == {
        side: shown[side] for side in ("both", "head", "tail")
    }
    low, high = report["models"]["student"]["intervals"]["mrr"]
    assert low <= shown["both"]["mrr"] <= high
    assert report["models"]["ensemble"]["difference"]["mrr"][0] == pytest.approx(
        report["models"]["ensemble"]["both"]["mrr"] - shown["both"]["mrr"]
    )


def test_ranks_parquet_holds_every_rank_with_its_triple_slices_and_teachers(finished: Path, call):
    call("rank", finished)
    table = pq.read_table(finished / "rank" / "ranks.parquet")
    types = dict(zip(table.schema.names, map(str, table.schema.types), strict=True))
    ends, ranks, lists = ["head", "relation", "tail"], ["optimistic", "realistic"], "list<"
    words = ["model", "split", "side", *ends, *(f"{end}_name" for end in ends)]
    assert list(types) == [*words, *ranks, "pessimistic", "score", "slices", "teachers"]
    assert {types[name] for name in words} == {"string"}
    assert {types[name] for name in (*ranks, "pessimistic")} == {"double"}
    assert types["score"] == "float"
    assert types["slices"].startswith(lists)
    assert types["teachers"].startswith(lists)
    rows, report = table.to_pylist(), report_of(finished)
    for name, model in report["models"].items():
        own = [row for row in rows if row["model"] == name]
        assert [(r["side"], r["head"], r["relation"], r["tail"]) for r in own] == [
            *(("tail", *t) for t in (("c", "likes", "a"), ("e", "likes", "d"))),
            *(("head", *t) for t in (("c", "likes", "a"), ("e", "likes", "d"))),
        ]
        assert sum(1 / row["realistic"] for row in own) / 4 == pytest.approx(model["both"]["mrr"])
        for slice_, values in model["slices"].items():
            assert sum(slice_ in row["slices"] for row in own) == values["n"]
    assert all(row["optimistic"] <= row["realistic"] <= row["pessimistic"] for row in rows)
    assert {teacher for row in rows for teacher in row["teachers"]} <= {"s", "st"}
    record = json.loads((finished / "record.json").read_text())
    about = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert about | {"commit": ""} == {
        "run": "first", "dataset": "tiny", "sha256": record["data"]["sha256"],
        "recipe_sha256": record["recipe_sha256"], "commit": "", "ties": "realistic",
    }  # fmt: skip


def test_a_student_alone_has_neither_teachers_nor_an_agent(workshop: Path, call):
    call("fit", "tiny.toml", "--run", "out", "--set", "distill.policy=none")
    assert "for the report" not in call("rank", "out").err
    assert list(report_of(Path("out"))["models"]) == ["student"]
    assert set(pq.read_table("out/rank/ranks.parquet")["teachers"].to_pylist()) == {None}
    page = Path("out/rank/report.html").read_text()
    assert 'id="agent"' not in page
    assert 'id="calibration"' in page


@pytest.mark.parametrize(
    ("words", "models"),
    [
        (["--model", "student"], ["student"]),
        (["--model", "teacher:st"], ["teacher:st"]),
        (["--model", "all", "--json", "-"], ["student", "teacher:s", "teacher:st", "ensemble"]),
    ],
)
def test_a_model_that_is_named_is_what_the_report_is_of(words: list[str], models: list[str], finished: Path, call):
    reply = call("rank", finished, *words)
    assert "for the report" not in reply.err
    assert list(report_of(finished)["models"]) == models
    assert ("examples" in report_of(finished)) == ("student" in models)


def test_no_report_writes_nothing(finished: Path, call):
    assert call("rank", finished, "--no-report").code == 0
    assert written(finished) == []


def test_the_valid_split_has_a_folder_of_its_own(finished: Path, call):
    call("rank", finished, "--split", "valid", "--model", "student")
    assert written(finished) == ["valid"]
    assert json.loads((finished / "rank" / "valid" / "report.json").read_text())["split"] == "valid"


def test_where_a_modality_is_gone_the_report_is_of_the_student(workshop: Path, call):
    call("fit", "tiny.toml", "--run", "out")
    Path("tiny/text.tsv").unlink()
    reply = call("rank", "out")
    assert (reply.code, written(Path("out"))) == (0, FILES)
    assert "note: the report is of student alone: " in reply.err
    assert list(report_of(Path("out"))["models"]) == ["student"]
    assert call("rank", "out", "--model", "all").code == 3


def test_a_damaged_teacher_is_told_and_spoils_no_student(finished: Path, call):
    (finished / "teachers" / "st.safetensors").write_bytes(b"x")
    reply = call("rank", finished)
    assert (reply.code, list(report_of(finished)["models"])) == (0, ["student"])
    assert "st.safetensors: truncated" in reply.err


@pytest.mark.parametrize("words", [[], ["--model", "all"]])
def test_without_the_agent_the_report_leaves_out_its_choices(words: list[str], finished: Path, call):
    (finished / "policy.safetensors").unlink()
    reply = call("rank", finished, *words)
    assert (reply.code, written(finished)) == (0, FILES)
    assert "note: the report leaves out what the agent would choose: " in reply.err
    assert "policy.safetensors: no such file" in reply.err
    assert "chosen" not in report_of(finished)


def test_what_the_agent_draws_is_told_apart_from_its_most_probable_set(finished: Path, call):
    found = choice_shares(torch.tensor([[0.4, 0.4], [0.75, 0.0]]), ["s", "st"])
    assert found["overall"] == pytest.approx({"s": 0.575, "st": 0.2})
    assert found["empty"] == pytest.approx((0.36 + 0.25) / 2)
    assert found["most_probable"] == {"share": {"s": 0.5, "st": 0.0}, "empty": 0.5}
    call("rank", finished)
    report, page = report_of(finished)["chosen"], (finished / "rank" / "report.html").read_text()
    means = ", ".join(f"{name} {value:.2f}" for name, value in report["overall"].items())
    assert f"was trained on: {means}, no teacher {report['empty']:.2f}." in page
    assert "The most probable set holds" in page


def test_a_report_of_an_earlier_version_is_still_added_to(finished: Path, call):
    call("rank", finished)
    report = report_of(finished) | {"chosen": {"share": {"s": 1.0, "st": 0.5}, "empty": 0.0, "n": 4}}
    (finished / "rank" / "report.json").write_text(json.dumps(report))
    assert call("rank", finished, "--drop", "text=1", "--model", "all").code == 0
    assert report_of(finished)["chosen"] == report["chosen"]


def test_the_student_of_another_run_stands_beside(finished: Path, call):
    call("fit", "tiny.toml", "--run", "runs/alone", "--set", "distill.policy=none", "--set", "seed=3")
    reply = call("rank", finished, "--baseline", "runs/alone", "--json", "x.json")
    assert "baseline:alone" in reply.out
    alone = json.loads(call("rank", "runs/alone", "--no-report", "--json", "-").out)["models"]["student"]
    assert json.loads(Path("x.json").read_text())["models"]["baseline:alone"] == alone
    report = report_of(finished)["models"]
    assert report["baseline:alone"]["both"] == alone["both"]
    assert "difference" in report["baseline:alone"]
    assert "baseline:alone" not in set(pq.read_table(finished / "rank" / "ranks.parquet")["model"].to_pylist())


def test_a_baseline_on_other_data_is_refused(finished: Path, call):
    shutil.copytree("tiny", "other")
    Path("other/test.txt").write_text("c\tlikes\ta\n")
    call("fit", "tiny.toml", "--run", "runs/other", "--set", "data.name=other", "--set", "distill.policy=none")
    reply = call("rank", finished, "--baseline", "runs/other")
    assert (reply.code, reply.out) == (3, "")
    assert "--baseline runs/other: is of other data (other, not tiny)" in reply.err


def test_figures_without_a_modality_gather_in_the_report(finished: Path, call):
    """Also where it has to be made first; a new ranking keeps them, one with other ties does not."""
    assert call("rank", finished, "--drop", "text=0.5", "--model", "all").code == 0
    assert written(finished) == FILES
    assert list(report_of(finished)["models"]) == ["student", "teacher:s", "teacher:st", "ensemble"]
    call("rank", finished, "--drop", "text=1", "--model", "teacher:st")
    call("rank", finished, "--drop", "text=1", "--model", "all")
    measured = report_of(finished)["robustness"]
    assert [entry["drop"] for entry in measured] == [{"text": 0.5}, {"text": 1.0}]
    assert list(measured[1]["models"]) == ["teacher:s", "teacher:st", "ensemble"]
    call("rank", finished)
    assert report_of(finished)["robustness"] == measured
    assert "MRR without text, by share removed" in (finished / "rank" / "report.html").read_text()
    call("rank", finished, "--ties", "optimistic")
    assert report_of(finished)["robustness"] == []


def test_a_page_that_fails_leaves_the_files_of_before(finished: Path, call, monkeypatch):
    call("rank", finished)
    before = {name: (finished / "rank" / name).read_bytes() for name in FILES}
    monkeypatch.setattr(folder, "page", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        call("rank", finished, "--model", "student")
    assert {name: (finished / "rank" / name).read_bytes() for name in written(finished)} == before


def test_a_folder_that_cannot_be_made_says_so_after_the_table(finished: Path, call):
    (finished / "rank").write_text("in the way")
    reply = call("rank", finished)
    assert reply.code == 5
    assert f"{finished}/rank: cannot be written: " in reply.err
    assert "student" in reply.out
    assert (finished / "rank").read_text() == "in the way"


@pytest.mark.parametrize(("form", "words"), [("markdown", "| student | "), ("latex", r"\toprule")])
def test_a_table_for_a_paper_is_all_that_is_printed(form: str, words: str, finished: Path, call):
    reply = call("rank", finished, "--no-report", "--format", form)
    assert words in reply.out
    assert str(finished) not in reply.out


def test_a_difference_of_a_report_lies_within_its_interval(dataset_of):
    def all_at(rank: float) -> Ranks:
        ranks = torch.full((40,), rank)
        side = torch.arange(2).flip(0).repeat_interleave(20)
        return Ranks(ranks, ranks, torch.zeros(40, dtype=torch.long), side, torch.zeros(40))

    ranking = SimpleNamespace(job=SimpleNamespace(dataset=dataset_of(9, 1, [[0, 0, 1]])), ties="realistic")
    first, other = all_at(4.0), all_at(2.0)
    other.optimistic[:5] = 3.0
    told = figures(ranking, {"first": first, "other": other}, {})["other"]["difference"]
    for mean, low, high in told.values():
        assert low <= mean <= high
    assert told["mrr"][1] > 0


def test_calibration_with_all_entities_judges_the_first_of_all():
    judged = SimpleNamespace(
        target=torch.tensor([1, 2]),
        best=torch.tensor([[1], [2]]),
        probability=torch.tensor([[0.9], [0.8]]),
        first=torch.tensor([3, 2]),
        first_probability=torch.tensor([0.5, 0.6]),
    )
    found = calibrations(judged)
    assert (found["filtered"]["accuracy"], found["all"]["accuracy"]) == (1.0, 0.5)
    assert found["all"]["confidence"] == pytest.approx(0.55)
