"""Pickles can run any code when they are read, so nobody's are: what to say instead."""

from __future__ import annotations

from pathlib import Path

PICKLES = (".pickle", ".pkl", ".joblib", ".p")


def is_pickle(path: Path) -> bool:
    return path.suffix.lower() in PICKLES


def triples_advice(path: Path) -> str:
    """How the owner of pickled triples (kbc, MoSE) turns them into text."""
    return _advice(path, f'numpy.savetxt("{path.stem}.txt", numpy.asarray(triples), "%d", "\\t")', "triples")


def features_advice(path: Path) -> str:
    """How the owner of a pickled array turns it into one that can be read."""
    return _advice(path, f'numpy.save("{path.stem}.npy", numpy.asarray(features))', "features")


def _advice(path: Path, save: str, name: str) -> str:
    load = "joblib.load" if path.suffix == ".joblib" else "pickle.load"
    return (
        f"{path}: a pickle can run any code when it is read, so it is not read here. "
        f"Where you trust the file, convert it yourself:\n"
        f"  import numpy, {load.split('.')[0]}\n"
        f'  {name} = {load}(open("{path.name}", "rb"))\n'
        f"  {save}"
    )
