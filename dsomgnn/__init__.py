"""dsomgnn: multimodal knowledge graph reasoning by reinforced multimodal distillation, on DGL.

Public names load on first use, so that `import dsomgnn` stays cheap:

    find_dataset, load_dataset, MKG        a data set by name, its triples, and its heterogeneous DGLGraph
    ComplEx, DistMult                      score functions
    CompGCN, RGCN, Lookup, Layer           encoders, and what an encoder of your own receives
    load_recipe, fit_recipe, resume_run    training, from Python
    rank_run                               ranking, from Python
    load, Loaded                           a trained model, to be asked: load(run).predict("Kenya", "speaks")
    predict_file, discover                 answers to a file of queries; the facts that a graph most likely lacks
    explain_run, export_run                the commands on a trained run, from Python
    compare_runs                           whether runs differ by more than noise
    DsomError and its kinds                what can go wrong
"""

from __future__ import annotations

import importlib
import os

# Spinning OpenMP threads cost more than they give on shared cores; must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

_HOMES = {
    "find_dataset": "places",
    "load_dataset": "data.triples",
    "Dataset": "data.triples",
    "MKG": "data.mkg",
    "Answers": "data.answers",
    "Feature": "data.features",
    "Layer": "layer",
    "ComplEx": "models.score",
    "DistMult": "models.score",
    "Lookup": "models.encoders",
    "CompGCN": "models.encoders",
    "RGCN": "models.encoders",
    "Recipe": "settings",
    "load_recipe": "recipe",
    "fit_recipe": "fit",
    "resume_run": "fit",
    "rank_run": "ranking",
    "load": "predict.loaded",
    "Loaded": "predict.loaded",
    "Answer": "predict.loaded",
    "predict_file": "predict.file",
    "discover": "predict.discovery",
    "Discovery": "predict.discovery",
    "explain_run": "explain.explanation",
    "export_run": "export.folder",
    "check_export": "export.folder",
    "compare_runs": "comparing",
    "DsomError": "errors",
    "RecipeError": "errors",
    "DataError": "errors",
    "PluginError": "errors",
    "CheckpointError": "errors",
}
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'dsomgnn' has no attribute {name!r}")
    return getattr(importlib.import_module(f"dsomgnn.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
