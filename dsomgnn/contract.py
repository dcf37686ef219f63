"""What every encoder must keep, tried on a tiny graph before any training."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dsomgnn.errors import PluginError
from dsomgnn.layer import Layer
from dsomgnn.processor import format_name
from dsomgnn.registry import make_encoder, own_line
from dsomgnn.settings import TeacherRecipe

RELATIONS, NODES, WIDTH, CROWD = 6, 12, 8, 300


def check_encoder(spec: str, folder: Path, num_layers: int, options: dict[str, Any]) -> list[str]:
    """Raise PluginError, naming all that is broken; return notes on what is allowed but odd.

    Tried: output shape, number format and finite values, a gradient for every parameter, an empty neighbourhood and a
    crowded one, the same output after save and load. Noted: relations that change nothing.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = make_encoder(spec, folder, RELATIONS, WIDTH, WIDTH, num_layers, options)
        twin = make_encoder(spec, folder, RELATIONS, WIDTH, WIDTH, num_layers, options)
        layers, x = tiny_layers(num_layers), torch.randn(NODES, WIDTH)
        seeds = layers[-1].num_dst
        broken = _shape(spec, _forward(spec, encoder, layers, x), seeds)
        if broken:
            raise PluginError(broken)
        problems = [
            *_gradients(spec, encoder, layers, x),
            *_degrees(spec, encoder, layers, x),
            *_reload(spec, encoder, twin, layers, x),
        ]
        if problems:
            raise PluginError(f"encoder {spec} breaks the contract:\n  " + "\n  ".join(problems))
        return _relations(spec, encoder, layers, x)


def check_teacher(name: str, teacher: TeacherRecipe, folder: Path) -> list[str]:
    """`check_encoder` of a recipe's teacher, which its error names; a recipe that lies in `folder`."""
    try:
        return check_encoder(teacher.encoder, folder, len(teacher.fanouts), dict(teacher.options))
    except PluginError as error:
        raise PluginError(f"teachers.{name}: {error}") from error


def tiny_layers(num_layers: int) -> list[Layer]:
    """Layers over 12 nodes, each with fewer destinations than the one before."""
    sizes = [max(2, NODES - 3 * i) for i in range(num_layers + 1)]
    layers = []
    for source, destination in pairwise(sizes):
        src = torch.arange(3 * source) % source
        dst = torch.arange(3 * source) * 5 % destination
        layers.append(Layer(src, dst, torch.arange(3 * source) % RELATIONS, torch.arange(source), destination))
    return layers


def _forward(spec: str, encoder: torch.nn.Module, layers: list[Layer], x: Tensor) -> Any:
    try:
        return encoder(layers, x.clone())
    except (Exception, SystemExit) as error:
        line, kind = own_line(encoder, error), type(error).__name__
        raise PluginError(f"{line}encoder {spec}: forward fails: {kind}: {error}") from error


def _shape(spec: str, out: Any, seeds: int) -> str | None:
    if not isinstance(out, Tensor):
        return f"encoder {spec}: forward returns {type(out).__name__}, expected a tensor"
    if tuple(out.shape) != (seeds, WIDTH):
        return (
            f"encoder {spec}: forward returns shape {tuple(out.shape)}, expected (num_seeds, out_dim) = "
            f"({seeds}, {WIDTH}); num_seeds is layers[-1].num_dst"
        )
    if out.dtype != torch.float32:
        return f"encoder {spec}: forward returns {format_name(out.dtype)}, expected float32"
    return None if torch.isfinite(out).all() else f"encoder {spec}: forward returns NaN or infinity"


def _gradients(spec: str, encoder: torch.nn.Module, layers: list[Layer], x: Tensor) -> list[str]:
    encoder.train()
    encoder.zero_grad()
    out = _forward(spec, encoder, layers, x.clone().requires_grad_())
    if not out.requires_grad:
        return ["its output carries no gradient"]
    out.square().sum().backward()
    missing = [name for name, p in encoder.named_parameters() if p.requires_grad and p.grad is None]
    return [f"no gradient reaches {', '.join(missing)}"] if missing else []


def _degrees(spec: str, encoder: torch.nn.Module, layers: list[Layer], x: Tensor) -> list[str]:
    """Where no node has a neighbour, and where one has many: beside training steps every neighbour is heard, whatever
    the fan-out."""
    alone = [layer.keep(torch.zeros(len(layer.src), dtype=torch.bool)) for layer in layers]
    edges = torch.arange(CROWD)
    crowded = [replace(a, src=edges % a.num_src, dst=0 * edges, etype=edges % RELATIONS) for a in layers]
    problems = []
    for where, given in (("on an empty neighbourhood", alone), (f"where an entity has {CROWD} neighbours", crowded)):
        try:
            broken = _shape(spec, encoder(given, x.clone()), layers[-1].num_dst)
        except (Exception, SystemExit) as error:
            broken = f"{type(error).__name__}: {error}"
        problems += [f"fails {where}: {broken}"] if broken else []
    return problems


def _reload(spec: str, encoder: torch.nn.Module, twin: torch.nn.Module, layers: list[Layer], x: Tensor) -> list[str]:
    encoder.eval()
    twin.eval()
    twin.load_state_dict(encoder.state_dict())
    with torch.no_grad():
        same = torch.equal(_forward(spec, encoder, layers, x), _forward(spec, twin, layers, x))
    return [] if same else ["gives another output after save and load: keep tensors as parameters or buffers"]


def _relations(spec: str, encoder: torch.nn.Module, layers: list[Layer], x: Tensor) -> list[str]:
    encoder.eval()
    other = [Layer(a.src, a.dst, a.etype.flip(0), a.nodes, a.num_dst) for a in layers]
    with torch.no_grad():
        same = torch.equal(_forward(spec, encoder, layers, x), _forward(spec, encoder, other, x))
    return ["relations change nothing in its output"] if same else []
