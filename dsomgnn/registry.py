"""Encoders by name: shipped ones, entry points, "package.module:Class", "file.py:Class" beside the recipe.

Trackers of the user's own are found in the last two ways.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from torch.nn.parameter import is_lazy

from dsomgnn.errors import PluginError, nearest

GROUP = "dsomgnn.encoders"
NOT_OWN = ("dsomgnn", "torch", "builtins")
SHIPPED = {
    "lookup": "dsomgnn.models.encoders:Lookup",
    "compgcn": "dsomgnn.models.encoders:CompGCN",
    "rgcn": "dsomgnn.models.encoders:RGCN",
}


def own_file(spec: str) -> str | None:
    """The file in "file.py:Class", as it stands there, or None for the other forms."""
    file, colon, _ = spec.rpartition(":")
    return file if colon and file.endswith(".py") else None


def plugin_file(spec: str, folder: Path) -> Path | None:
    """`own_file` of a recipe in `folder`."""
    file = own_file(spec)
    return folder / file if file else None


def load_class(spec: str, folder: Path, kind: str = "encoder") -> type:
    """The class that `spec` names; files are looked for in `folder`. Raises PluginError."""
    if ":" not in spec:
        spec = _registered(spec)
    module_name, _, class_name = spec.rpartition(":")
    file = plugin_file(spec, folder)
    module = _import(spec, file, module_name, kind)
    found = getattr(module, class_name, None)
    if not inspect.isclass(found):
        classes = [n for n, c in vars(module).items() if inspect.isclass(c) and c.__module__ == module.__name__]
        raise PluginError(f'{file or module_name}: no class "{class_name}".{nearest(class_name, classes)}')
    return found


@contextmanager
def own_code(plugin: object, what: str) -> Iterator[None]:
    """What goes wrong in the class of `plugin`, which is not ours, is a PluginError that names its line."""
    try:
        yield
    except (Exception, SystemExit) as error:
        if not (line := own_line(plugin, error)):
            raise
        raise PluginError(f"{line}{what} fails: {type(error).__name__}: {error}") from error


def own_line(plugin: object, error: BaseException) -> str:
    """ "file:line: " where the error came up in the code of a class that is not ours, or of what it derives from; the
    class, or an object of it."""
    kind = plugin if isinstance(plugin, type) else type(plugin)
    modules = [cls.__module__ for cls in kind.__mro__ if cls.__module__.partition(".")[0] not in NOT_OWN]
    return _line_in([getattr(sys.modules.get(module), "__file__", None) for module in modules], error)


def _line_in(files: Collection[str | None], error: BaseException) -> str:
    lines = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in files]
    return f"{lines[-1].filename}:{lines[-1].lineno}: " if lines else ""


def _registered(name: str) -> str:
    if name in SHIPPED:
        return SHIPPED[name]
    others = {point.name: point.value for point in entry_points(group=GROUP)}
    if name in others:
        return others[name]
    raise PluginError(
        f'unknown encoder "{name}".{nearest(name, [*SHIPPED, *others])} One of your own is "file.py:Class" (beside the '
        'recipe) or "package.module:Class".'
    )


def _import(spec: str, file: Path | None, module_name: str, kind: str) -> Any:
    try:
        return importlib.import_module(module_name) if file is None else _from_file(file, f"{kind} {spec}")
    except PluginError:
        raise
    except (Exception, SystemExit) as error:
        line = _line_in([str(file)], error)
        raise PluginError(f"{line}{kind} {spec} cannot be imported: {type(error).__name__}: {error}") from error


def _from_file(file: Path, what: str) -> ModuleType:
    """The module of a file as it stands: one that was changed since it was read is another module."""
    if not file.is_file():
        raise PluginError(f"{file}: no such file ({what})")
    source = file.read_bytes()
    digest = hashlib.sha256(str(file.resolve()).encode() + b"\n" + source).hexdigest()
    name = f"dsomgnn_plugin_{file.stem}_{digest[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    module = sys.modules[name] = ModuleType(name)
    module.__file__ = str(file)
    try:
        exec(compile(source, file, "exec", dont_inherit=True), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def make_encoder(
    spec: str,
    folder: Path,
    num_relations: int,
    in_dim: int,
    out_dim: int,
    num_layers: int,
    options: dict[str, Any],
) -> Any:
    """An encoder for `num_relations` (2R) relations; `num_layers` is passed where the constructor names it."""
    cls = load_class(spec, folder)
    known = list(inspect.signature(cls).parameters)
    free = [name for name in known if name not in ("num_relations", "in_dim", "out_dim", "num_layers", "options")]
    takes_any = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(cls).parameters.values())
    for name in options:
        if name not in free and not takes_any:
            raise PluginError(f'encoder {spec} has no option "{name}".{nearest(name, free)}')
    extra = {"num_layers": num_layers} if "num_layers" in known else {}
    try:
        encoder = cls(num_relations, in_dim, out_dim, **extra, **options)
    except (Exception, SystemExit) as error:
        line = own_line(cls, error)
        hint = "" if line else "; it is made as Class(num_relations, in_dim, out_dim, **options)"
        raise PluginError(f"{line}encoder {spec} cannot be made: {type(error).__name__}: {error}{hint}") from error
    if not callable(getattr(encoder, "forward", None)) or not hasattr(encoder, "parameters"):
        raise PluginError(f"encoder {spec} is not a torch.nn.Module")
    for name, parameter in encoder.named_parameters():
        if is_lazy(parameter):
            raise PluginError(
                f"encoder {spec}: {name} has no shape before it is used; widths are given: in_dim, out_dim"
            )
    return encoder
