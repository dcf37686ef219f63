"""Pickles can run any code when they are read, so nobody's are: what to say instead."""

from __future__ import annotations

from pathlib import Path
from zipfile import is_zipfile

PICKLES = (".pickle", ".pkl", ".joblib", ".p")
LOADERS = {
    ".joblib": ("joblib.load", '"{}"'),
    ".npy": ("numpy.load", '"{}", allow_pickle=True'),
    ".pt": ("torch.load", '"{}", weights_only=False'),
    ".pth": ("torch.load", '"{}", weights_only=False'),
}


def is_pickle(path: Path) -> bool:
    return path.suffix.lower() in PICKLES


def holds_pickle(path: Path) -> bool:
    """Whether what its reader refused in an array file is a pickle: all of it, an .npy of objects, a whole .pt."""
    with path.open("rb") as file:
        first = file.read(256)
    objects = first.startswith(b"\x93NUMPY") and b"'|O'" in first
    return first.startswith(b"\x80") or objects or is_zipfile(path)


def triples_advice(path: Path) -> str:
    """How the owner of pickled triples (kbc, MoSE) turns them into text."""
    return _advice(path, f'numpy.savetxt("{path.stem}.txt", numpy.asarray(triples), "%d", "\\t")', "triples")


def features_advice(path: Path) -> str:
    """How the owner of a pickled array turns it into one that can be read."""
    name = f"{path.stem}-plain.npy" if path.suffix == ".npy" else f"{path.stem}.npy"
    return _advice(path, f'numpy.save("{name}", numpy.asarray(features, dtype="float32"))', "features")


def _advice(path: Path, save: str, name: str) -> str:
    load, source = LOADERS.get(path.suffix, ("pickle.load", 'open("{}", "rb")'))
    modules = ", ".join(dict.fromkeys(("numpy", load.split(".")[0])))
    return (
        f"{path}: a pickle can run any code when it is read, so it is not read here. "
        f"Where you trust the file, convert it yourself:\n"
        f"  import {modules}\n"
        f"  {name} = {load}({source.format(path.name)})\n"
        f"  {save}"
    )
