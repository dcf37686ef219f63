"""Write docs/python-api.md from the docstrings of the public names: python docs/make_api.py"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dsomgnn

PAGE = Path(__file__).with_name("python-api.md")
HEAD = """\
<!-- made by docs/make_api.py -->
# From Python

Every public name is an attribute of `dsomgnn` and loads on first use. Import `dsomgnn` before `dgl`: it stands in for
the GraphBolt library where dgl does not ship one for your torch.

```python
import dsomgnn

dsomgnn.fit_recipe("recipes/worldfacts.toml", "runs/first", ["seed=1"])
print(dsomgnn.rank_run("runs/first")["models"]["student"]["both"]["mrr"])

student = dsomgnn.load("runs/first")
for answer in student.predict("Kenya", "speaks", k=3):
    print(answer.rank, answer.name, round(answer.probability, 2), answer.known)
```

Errors are kinds of `dsomgnn.DsomError`; the message is the one that the command line prints.

torch's random numbers and settings are of the whole process. A call leaves them as it found them, and one thread waits
for another: train several runs at a time in processes of their own. Several threads may ask one loaded model.
"""
GROUPS = {
    "Training and ranking": "load_recipe fit_recipe resume_run rank_run compare_runs",
    "Other commands": "predict_file discover Discovery explain_run export_run check_export",
    "A trained model": "load Loaded Answer",
    "Data": "find_dataset load_dataset Dataset MKG Answers Feature",
    "Models": "ComplEx DistMult Lookup CompGCN RGCN Layer",
    "Settings and errors": "Recipe DsomError RecipeError DataError PluginError CheckpointError",
}


def page() -> str:
    """The whole page, as markdown; every public name stands in it, those of no group at the end."""
    grouped = {title: names.split() for title, names in GROUPS.items()}
    rest = [name for name in dsomgnn._HOMES if not any(name in names for names in grouped.values())]
    return "\n".join(
        [HEAD, *(part for title, names in (grouped | {"More": rest}).items() for part in group(title, names))]
    )


def group(title: str, names: list[str]) -> Iterator[str]:
    """A heading and the entry of each name; nothing without names."""
    if names:
        yield f"## {title}\n"
        yield from (entry(name, getattr(dsomgnn, name), 3) for name in names)


def entry(name: str, thing: Any, level: int) -> str:
    """Signature and docstring; for a class those of its own public methods too."""
    inside = [entry(f"{name}.{key}", own, 4) for key, own in members(thing)] if inspect.isclass(thing) else []
    own = [f"{'#' * level} {name}", "", *signature(name, thing), prose(thing), ""]
    return "\n".join([*own, *inside])


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties that the class itself defines and says something about."""
    for key, value in vars(cls).items():
        plain = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        told = isinstance(plain, property) or inspect.isfunction(plain)
        if told and not key.startswith("_") and plain.__doc__:
            yield key, plain


class Bare(str):
    """An annotation that is shown without quotes."""

    __repr__ = str.__str__


def signature(name: str, thing: Any) -> list[str]:
    """A fenced `name(...)`; none for properties, exceptions and settings."""
    if isinstance(thing, property) or (inspect.isclass(thing) and hasattr(thing, "model_fields")):
        return []
    if inspect.isclass(thing) and issubclass(thing, Exception):
        return []
    found = inspect.signature(thing)
    own = [
        p.replace(annotation=Bare(p.annotation)) for key, p in found.parameters.items() if key not in ("self", "cls")
    ]
    back = found.empty if inspect.isclass(thing) else Bare(found.return_annotation)
    told = re.sub(r"\b(?:torch|pathlib|typing)\.", "", str(found.replace(parameters=own, return_annotation=back)))
    return ["```", f"{name.rpartition('.')[2]}{told}", "```", ""]


def prose(thing: Any) -> str:
    """The docstring; that of an exception says its exit code."""
    if inspect.isclass(thing) and issubclass(thing, dsomgnn.DsomError):
        return f"Exit code {thing.exit_code} on the command line."
    return inspect.cleandoc(thing.__doc__ or "").replace("<", "\\<")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
