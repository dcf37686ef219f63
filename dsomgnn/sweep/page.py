"""sensitivity.html: a panel per setting, with all trials, the best value, and how much the setting matters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from dsomgnn.page import details, page, paragraph, table
from dsomgnn.run import Run
from dsomgnn.sweep.files import STATES, best_seen
from dsomgnn.sweep.space import short
from dsomgnn.sweep.study import Study, number_of

ENOUGH = 10  # complete trials to speak of importance
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 320, 200, 44, 14, 10, 26


def write_page(study: Study, origin: str) -> None:
    """sensitivity.html in the study's folder."""
    weight = importance(study)
    keys = sorted(study.space, key=lambda key: -weight.get(key, 0.0))
    panels = Markup("\n").join(panel(study, key, weight.get(key)) for key in keys)
    parts = [*_summary(study, bool(weight)), Markup('<div class="plots three">{}</div>').format(panels), _trials(study)]
    Run(study.folder).write_text("sensitivity.html", page("dsomgnn sweep · validation MRR by setting", origin, *parts))


def importance(study: Study) -> dict[str, float]:
    """The share of the variance between complete trials that each setting explains (fANOVA); {} for too few trials."""
    if len(study.complete()) < ENOUGH:
        return {}
    try:
        return get_param_importances(study.optuna, evaluator=FanovaImportanceEvaluator(seed=0))
    except (RuntimeError, ValueError):  # all trials alike
        return {}


def _summary(study: Study, weighed: bool) -> list[Markup]:
    ended, best = study.ended(), study.complete()[0]
    counts = {name: sum(trial.state == state for trial in ended) for state, name in STATES.items()}
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return [
        paragraph(f"{told}. The best, trial {number_of(best)}, has a validation MRR of {best.value:.4f}.", "lede"),
        paragraph(
            "Chosen as the best of many on validation data, that figure is a little too good; the test split was never "
            "ranked. A dot is a complete trial, the large one the best; a stroke at the bottom is a trial that was "
            "stopped early."
            + weighed
            * " What a setting explains is its share of the variance between complete trials (fANOVA)."
        ),
    ]


def panel(study: Study, key: str, weight: float | None) -> Markup:
    """One setting against validation MRR, as SVG with a caption."""
    complete, distribution = study.complete(), study.space[key]
    low, high = complete[-1].value or 0.0, complete[0].value or 0.0
    spare = (high - low) * 0.06 or 0.001

    def x(trial: FrozenTrial) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * place(distribution, trial.params[key], number_of(trial))

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high + spare - value) / (high - low + 2 * spare)

    stopped = [_stroke(x(trial)) for trial in study.ended() if trial.state != TrialState.COMPLETE]
    dots = [_dot(x(trial), y(trial.value or 0.0), trial, key, trial is complete[0]) for trial in reversed(complete)]
    caption = f"{key}: best {short(complete[0].params[key])}" + ("" if weight is None else f", explains {weight:.0%}")
    drawn = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, key, Markup("").join([*_axes(distribution, low, high, y), *stopped, *dots])
    )
    return Markup("<figure><figcaption>{}</figcaption>{}</figure>").format(caption, drawn)


def place(distribution: BaseDistribution, value: Any, number: int) -> float:
    """Where a value stands on its axis, 0 to 1; choices are spread a little, by the trial's number."""
    if isinstance(distribution, CategoricalDistribution):
        spread = ((number * 0.618) % 1 - 0.5) * 0.5
        return (distribution.choices.index(value) + 0.5 + spread) / len(distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    scale: Callable[[float], float] = math.log if distribution.log else float
    low, high = scale(distribution.low), scale(distribution.high)
    return (scale(value) - low) / (high - low)


def _dot(x: float, y: float, trial: FrozenTrial, key: str, best: bool) -> Markup:
    kind, radius = ("fill c1", 6) if best else ("fill c0", 3.5)
    told = f"trial {number_of(trial)}: {trial.value:.4f} at {short(trial.params[key])}"
    return Markup('<circle class="{}" cx="{}" cy="{}" r="{}"><title>{}</title></circle>').format(
        kind, f"{x:.1f}", f"{y:.1f}", radius, told
    )


def _stroke(x: float) -> Markup:
    floor = HEIGHT - BOTTOM
    return Markup('<line class="whisker" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>').format(x, floor - 7, floor)


def _axes(distribution: BaseDistribution, low: float, high: float, y: Callable[[float], float]) -> list[Markup]:
    floor, span = HEIGHT - BOTTOM, WIDTH - LEFT - RIGHT
    ground = Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(LEFT, WIDTH - RIGHT, floor, floor)
    sides = [_text(LEFT - 6, y(value) + 4, f"{value:.4f}", "end") for value in dict.fromkeys((low, high))]
    below = [_text(LEFT + span * x, floor + 16, label, "middle") for x, label in _labels(distribution).items()]
    return [ground, *sides, *below]


def _labels(distribution: BaseDistribution) -> Mapping[float, str]:
    if isinstance(distribution, CategoricalDistribution):
        count = len(distribution.choices)
        return {(number + 0.5) / count: short(choice) for number, choice in enumerate(distribution.choices)}
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high = distribution.low, distribution.high
    middle = math.sqrt(low * high) if distribution.log else (low + high) / 2
    return {0.0: short(low), 0.5: f"{middle:.3g}", 1.0: short(high)}


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(f"{x:.1f}", f"{y:.1f}", anchor, text)


def _trials(study: Study) -> Markup:
    rows = [
        [
            number_of(trial),
            STATES[trial.state],
            f"{mrr:.4f}" if mrr else "",
            *(short(trial.params[k]) for k in study.space),
        ]
        for mrr, trial in sorted(((best_seen(t) or 0.0, t) for t in study.ended()), key=lambda pair: -pair[0])
    ]
    return details("All trials", table(["trial", "state", "valid MRR", *study.space], rows, 2))
