"""Which models a report is of: all that a run holds, unless one is named."""

from __future__ import annotations

from pathlib import Path

from dsomgnn.errors import DataError, DsomError
from dsomgnn.ranking import STUDENT, Ranking, model_names, open_ranking
from dsomgnn.report.folder import Say, add_robustness, read_report, write_report


def open_baseline(run: Path, other: Ranking) -> Ranking:
    """Another run, whose student is to be compared with. Raises DataError where it is of other data."""
    baseline = open_ranking(run, [STUDENT], other.split, other.ties)
    if baseline.job.dataset.sha256 != other.job.dataset.sha256:
        theirs, ours = baseline.record["data"]["name"], other.record["data"]["name"]
        why = f"{theirs}, not {ours}" if theirs != ours else f"another version, or another holdout, of {ours}"
        raise DataError(f"--baseline {run}: is of other data ({why})")
    return baseline


def make_report(shown: Ranking, model: str | None, baseline: Ranking | None, say: Say) -> Path:
    """The report of all models, or of the one that `model` names; `shown` has ranks already. Where report.html lies."""
    if shown.drop:
        return _robustness(shown, model or STUDENT, baseline, say)
    if model is not None:
        return write_report(shown, model_names(shown.run.path, model), baseline, say)
    ranking, names = _whole(shown, say)
    return write_report(ranking, names, baseline, say)


def _whole(shown: Ranking, say: Say) -> tuple[Ranking, list[str]]:
    """All models of the run, where they can be made; else what was shown."""
    names = model_names(shown.run.path, "all")
    missing = [name for name in names if name not in shown.ranks]
    if not missing:
        return shown, names
    say(f"ranking {', '.join(missing)} for the report; --model student leaves them out, --no-report the report")
    try:
        ranking = open_ranking(shown.run.path, names, shown.split, shown.ties)
        ranking.ranks |= shown.ranks
        ranking.models |= shown.models
        ranking.seconds += shown.seconds
        ranking.rank(names)
    except DsomError as error:
        say(f"note: the report is of {', '.join(shown.ranks)} alone: {str(error).splitlines()[0]}")
        return shown, list(shown.ranks)
    return ranking, names


def _robustness(dropped: Ranking, model: str, baseline: Ranking | None, say: Say) -> Path:
    """Note the figures without modalities in the run's report, which is made first where there is none."""
    path, names = dropped.run.path, model_names(dropped.run.path, model)
    whole = open_ranking(path, [STUDENT], dropped.split, dropped.ties)
    if read_report(whole) is None:
        whole.rank([STUDENT])
        make_report(whole, None, baseline, say)
    return add_robustness(whole, dropped, names)
