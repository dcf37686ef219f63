"""What single settings may say: names of encoders and trackers, the keys and values of a [sweep]."""

from __future__ import annotations

import re
from typing import Any

from pydantic_core import PydanticCustomError

from dsomgnn.errors import nearest

ENCODERS = ("array", "tfidf-svd", "numeric", "histogram", "minilm", "efficientnet-lite0")
MODEL = re.compile(r"(timm|torchvision):.+|[^:]*/[^:]*")


def known_encoder(name: str) -> str:
    """The name, if it is one of ENCODERS or has the form of a model's; raises PydanticCustomError, a ValueError."""
    if name in ENCODERS or MODEL.fullmatch(name):
        return name
    models = '"timm:NAME", "torchvision:NAME", or ORGANISATION/NAME or a path, with its "/", of sentence-transformers'
    raise PydanticCustomError(
        "encoder", "no such encoder.{near} Models are {models}", {"near": nearest(name, ENCODERS), "models": models}
    )


def known_tracker(name: str) -> str:
    """The name, if it is "tensorboard" or has the form of a class's; raises PydanticCustomError, a ValueError."""
    if name == "tensorboard" or ":" in name:
        return name
    near = nearest(name, ["tensorboard"])
    raise PydanticCustomError(
        "tracker", 'no such tracker.{near} One of your own is "file.py:Class" (beside the recipe) or "module:Class"',
        {"near": near},
    )  # fmt: skip


def dotted(tree: Any, above: str = "") -> Any:
    """{"student.n3": x} of {"student": {"n3": x}}."""
    if not isinstance(tree, dict):
        return tree
    flat = [dotted(v, f"{above}{k}.") if isinstance(v, dict) else {f"{above}{k}": v} for k, v in tree.items()]
    return {key: value for part in flat for key, value in part.items()}


def searchable(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The values of a [sweep] key, if they are a range or choices; raises PydanticCustomError, a ValueError."""
    ends = values[:-1] if values[-1:] == ("log",) else values
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in ends)
    if ends != values and (not numbers or len(ends) != 2 or ends[0] <= 0):
        raise PydanticCustomError("sweep", '"log" is the last word of a range above zero, [0.01, 1.0, "log"]')
    if not values or (numbers and len(ends) == 2 and ends[0] >= ends[1]):
        raise PydanticCustomError("sweep", 'expected [low, high], [low, high, "log"] or a list of choices')
    return values
