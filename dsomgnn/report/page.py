"""report.html: one file without a network, from report.json, the run's folder and its data."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from dsomgnn.data.audit.coverage import entity_texts
from dsomgnn.ranking import Ranking
from dsomgnn.report import view
from dsomgnn.report.curves import read_curves
from dsomgnn.report.pictures import thumbnails

TEXT = 180  # characters shown of an entity's text


def page(ranking: Ranking, report: dict[str, Any]) -> str:
    """The whole page; `ranking` says where record, recipe, training log, texts and pictures lie."""
    record, job, phases = ranking.record, ranking.job, read_curves(ranking.run.path)
    marks, wanted = view.colours(report), view.example_entities(report)
    script, style = _asset("report.js"), _asset("report.css")
    return (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            record=record,
            script=script,
            style=style,
            script_sha256=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            headlines=view.HEADLINES,
            orders=view.ORDERS,
            models=view.models(report),
            slices=view.slices(report),
            relations=view.relations(report),
            training=view.training(phases, marks),
            agent=view.agent(report, record, phases, marks, job.dataset.relations),
            calibration=view.calibration(report),
            missing=view.missing(report, marks),
            audit=view.audit(record, ranking.split),
            marks=marks,
            legend=view.legend,
            entities=_entities(ranking, wanted),
            pictures=thumbnails(job.dataset, job.recipe, wanted),
            combine=job.recipe.distill.combine,
            recipe=(ranking.run.path / "recipe.toml").read_text(encoding="utf-8"),
            data=job.dataset,
        )
    )


def _entities(ranking: Ranking, wanted: list[str]) -> dict[str, dict[str, str]]:
    """Name and shortened text of entities, by identifier."""
    data = ranking.job.dataset
    texts = entity_texts(data) if wanted else None
    index = data.entities.index
    return {
        entity: {"name": data.entities.names[index[entity]], "text": _short(texts[index[entity]] if texts else "")}
        for entity in wanted
        if entity in index
    }


def _short(text: str) -> str:
    return text if len(text) <= TEXT else text[:TEXT].rsplit(" ", 1)[0] + " …"


def _asset(name: str) -> str:
    return (files("dsomgnn.report") / "templates" / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("dsomgnn.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "share": lambda value: f"{value:.4f}",
        "mean": lambda value: f"{value:,.1f}",
        "count": lambda value: f"{value:,}",
        "rank": lambda value: f"{value:,.1f}".removesuffix(".0"),
        "percent": lambda value: f"{100 * value:.1f}\u00a0%",
        "breakable": lambda name: escape(name).replace(":", Markup(":<wbr>")),
        "signed": lambda value: f"{value:+.4f}".replace("-", "\u2212"),
    }
    return environment
