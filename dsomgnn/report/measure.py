"""All that a report says of ranks, in one tree of plain values: report.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from dsomgnn import __version__
from dsomgnn.chosen import asked_as_in_training, chosen
from dsomgnn.data.audit.cardinality import Cardinality
from dsomgnn.data.audit.coverage import entity_texts
from dsomgnn.distill.teachers import NO_ONE, FrozenTeacher, freeze
from dsomgnn.processor import exact_products
from dsomgnn.rank.calibration import calibration
from dsomgnn.rank.intervals import bootstrapped, interval, slice_intervals, triple_values
from dsomgnn.rank.judged import Judged, judge
from dsomgnn.rank.metrics import summary
from dsomgnn.rank.ranks import Ranks
from dsomgnn.rank.slices import Slices, all_slices, named
from dsomgnn.ranking import BASELINE, STUDENT, Ranking, read_model
from dsomgnn.report.examples import examples


def slices_of(ranking: Ranking) -> Slices:
    """Every slice of the split's queries, by one name."""
    data = ranking.job.dataset
    present = {name: feature.present for name, feature in ranking.job.mkg.features.items()}
    return named(all_slices(data, ranking.split, present, entity_texts(data)))


def choices_of(ranking: Ranking) -> Tensor | None:
    """Probability (2n, K) of each teacher for the split's queries, tails asked for first; None without an agent, or
    where a teacher is not ranked."""
    if ranking.job.recipe.distill.policy != "reinforce" or not {STUDENT, *ranking.teachers} <= set(ranking.ranks):
        return None
    job, run = ranking.job, ranking.run
    student, _ = read_model(job, run, STUDENT)
    asked, place = asked_as_in_training(job, job.dataset.split(ranking.split))
    read = ((name, *read_model(job, run, name)) for name in ranking.teachers)
    teachers = [freeze(name, made, asked, heat, asked=NO_ONE) for name, made, heat in read]
    return chosen(job, run, student.eval(), teachers, asked)[place]


def measure(
    ranking: Ranking, names: Sequence[str], slices: Slices, choices: Tensor | None, baseline: Ranking | None = None
) -> dict[str, Any]:
    """report.json: figures of the named models with intervals, and what else their ranks tell.

    The student comes first where it is among them; `baseline`: another run on the same data, whose student is ranked.
    """
    ranks = dict(ranking.rank(names))
    if baseline is not None:
        ranks[BASELINE + baseline.name] = baseline.rank([STUDENT])[STUDENT]
    judged = judged_by(ranking) if STUDENT in ranks else None
    report = {**heading(ranking), "models": figures(ranking, ranks, slices), "relations": relations_of(ranking)}
    if judged is not None:
        report["calibration"] = calibrations(judged) | _heat(ranking)
        report["examples"] = examples(ranking.job.dataset, ranking.split, judged, ranks[STUDENT].by(ranking.ties))
    if choices is not None:
        report["chosen"] = choice_shares(choices, list(ranking.job.recipe.pool))
    return report


def heading(ranking: Ranking) -> dict[str, Any]:
    """What the figures are of."""
    record = ranking.record
    data = {key: record["data"][key] for key in ("name", "sha256")}
    return {
        "dsomgnn": __version__,
        "run": ranking.name,
        "split": ranking.split,
        "ties": ranking.ties,
        "data": data,
        "recipe_sha256": ranking.job.recipe.sha256(),
        "git_commit": record.get("git_commit"),
        "seed": ranking.job.recipe.seed,
    }


def figures(ranking: Ranking, ranks: Mapping[str, Ranks], slices: Slices) -> dict[str, Any]:
    """`summary` of each model with "intervals" of its metrics, an "interval" of MRR in each slice and, beside the
    first model, a paired "difference" from that."""
    ids = ranking.job.dataset.relations.ids
    values = {name: triple_values(found.by(ranking.ties)) for name, found in ranks.items()}
    drawn = bootstrapped({(name, metric): value for name, own in values.items() for metric, value in own.items()})
    first = next(iter(ranks))
    models = {}
    for name, found in ranks.items():
        models[name] = model = summary(found, ids, ranking.ties, slices)
        model["intervals"] = {metric: interval(drawn[name, metric]) for metric in values[name]}
        for slice_, ends in slice_intervals(found.by(ranking.ties), slices).items():
            model["slices"][slice_]["interval"] = ends
        if name != first:
            gaps = {metric: drawn[name, metric] - drawn[first, metric] for metric in values[name]}
            whole = {metric: (values[name][metric] - values[first][metric]).mean().item() for metric in gaps}
            model["difference"] = {metric: [whole[metric], *interval(gap)] for metric, gap in gaps.items()}
    return models


def relations_of(ranking: Ranking) -> dict[str, Any]:
    """Name, class and train triples of each relation that is asked."""
    data = ranking.job.dataset
    classes = Cardinality.of(data.train, data.num_entities, data.num_relations).names
    count = torch.bincount(data.train[:, 1], minlength=data.num_relations).tolist()
    asked = data.split(ranking.split)[:, 1].unique().tolist()
    words = data.relations
    return {words.ids[r]: {"name": words.names[r], "cardinality": classes[r], "train": count[r]} for r in asked}


def judged_by(ranking: Ranking) -> Judged:
    """What the student answers to the split's queries."""
    student, job = ranking.model(STUDENT), ranking.job
    assert isinstance(student, FrozenTeacher)
    data, triples = job.dataset, job.dataset.split(ranking.split)
    logits = exact_products(job.device)(lambda queries: student.logits(queries.to(job.device)))
    return judge(logits, student.temperature, triples, job.known, data.num_entities, data.num_relations, job.budget)


def calibrations(judged: Judged) -> dict[str, Any]:
    """Of the first answer: "filtered", as ranks are, and "all", the probabilities that `dsomgnn predict` gives."""
    filtered = calibration(judged.probability[:, 0], judged.best[:, 0] == judged.target)
    return {"filtered": filtered, "all": calibration(judged.first_probability, judged.first == judged.target)}


def choice_shares(probability: Tensor, names: Sequence[str]) -> dict[str, Any]:
    """Mean probability of each teacher and of the empty set, as training draws them, and how often the most probable
    set holds each teacher, and none."""
    taken = probability > 0.5

    def means(values: Tensor) -> dict[str, float]:
        return dict(zip(names, values.double().mean(0).tolist(), strict=True))

    return {
        "overall": means(probability),
        "empty": (1 - probability.double()).prod(1).mean().item(),
        "most_probable": {"share": means(taken), "empty": (~taken.any(1)).double().mean().item()},
        "n": len(taken),
    }


def _heat(ranking: Ranking) -> dict[str, Any]:
    student = ranking.model(STUDENT)
    fitted = "temperature" in ranking.record["phases"][STUDENT]
    return {"temperature": getattr(student, "temperature", 1.0), "fitted": fitted}


def robustness(ranking: Ranking, names: Sequence[str]) -> dict[str, Any]:
    """Figures of models after modalities were taken away, for a report that is there already."""
    found = ranking.rank([name for name in names if name != STUDENT])
    models = {name: ranks.by(ranking.ties) for name, ranks in found.items()}
    return {"drop": ranking.drop, "models": {name: r.reciprocal().mean().item() for name, r in models.items()}}
