"""Whether a probability means what it says: of answers given with 70 %, are 70 % right?"""

from __future__ import annotations

from typing import Any

from torch import Tensor

BINS = 10


def calibration(confidence: Tensor, correct: Tensor, bins: int = BINS) -> dict[str, Any]:
    """Bins of equal width over the confidence (n,) in 0..1 of the first answer, which was `correct` (n,) bool or not.

    {"ece", "confidence", "accuracy", "n", "bins": [{"low", "high", "n", "confidence", "accuracy"}]}, empty bins left
    out. ECE is the mean distance of confidence and accuracy over the queries.
    """
    place = (confidence * bins).long().clamp(max=bins - 1)
    rows = []
    for b in place.unique().tolist():
        own = place == b
        means = {"confidence": confidence[own].mean().item(), "accuracy": correct[own].double().mean().item()}
        rows.append({"low": b / bins, "high": (b + 1) / bins, "n": int(own.sum()), **means})
    ece = sum(row["n"] * abs(row["confidence"] - row["accuracy"]) for row in rows) / max(1, len(confidence))
    overall = {"confidence": confidence.mean().item(), "accuracy": correct.double().mean().item()}
    return {"ece": ece, **overall, "n": len(confidence), "bins": rows}
