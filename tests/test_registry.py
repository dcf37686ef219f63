"""Encoders by name: shipped, by entry point, in a module, in a file."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from dsomgnn import registry
from dsomgnn.errors import PluginError
from dsomgnn.models.encoders import RGCN, CompGCN, Lookup

OWN = """\
from torch import nn

class Own(nn.Linear):
    def __init__(self, num_relations, in_dim, out_dim, slope=0.5):
        super().__init__(in_dim, out_dim)
        self.seen = (num_relations, in_dim, out_dim, slope)
"""


@pytest.mark.parametrize(
    ("spec", "cls"), [("lookup", Lookup), ("compgcn", CompGCN), ("dsomgnn.models.encoders:RGCN", RGCN)]
)
def test_a_shipped_encoder_has_a_short_name_and_its_module_name(spec: str, cls: type, tmp_path: Path):
    assert registry.load_class(spec, tmp_path) is cls


def test_another_package_adds_an_encoder_by_entry_point(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    point = EntryPoint("theirs", "dsomgnn.models.encoders:RGCN", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    assert registry.load_class("theirs", tmp_path) is RGCN


def test_a_file_is_found_beside_the_recipe_and_files_of_one_name_do_not_mix(tmp_path: Path):
    for folder, word in (("one", "1"), ("two", "2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "own.py").write_text(OWN + f"    word = {word}\n")
    words = [registry.load_class("own.py:Own", tmp_path / folder).word for folder in ("one", "two")]
    assert words == [1, 2]


def test_a_file_that_failed_is_read_anew_once_mended(tmp_path: Path):
    file = tmp_path / "own.py"
    file.write_text("import no_such_module\n")
    with pytest.raises(PluginError, match="no_such_module"):
        registry.load_class("own.py:Own", tmp_path)
    file.write_text(OWN)
    assert registry.load_class("own.py:Own", tmp_path).__name__ == "Own"


def test_an_encoder_gets_widths_and_options_and_the_depth_only_where_it_names_it(tmp_path: Path):
    (tmp_path / "own.py").write_text(OWN)
    own = registry.make_encoder("own.py:Own", tmp_path, 6, 8, 4, 2, {"slope": 0.1})
    assert own.seen == (6, 8, 4, 0.1)
    assert len(registry.make_encoder("rgcn", tmp_path, 6, 8, 4, 2, {}).loop) == 2


REFUSED = {
    "misspelt name": ("rgnc", {}, 'unknown encoder "rgnc". Did you mean "rgcn"?'),
    "no such file": ("nope.py:Own", {}, "nope.py: no such file"),
    "no such class": ("own.py:Owm", {}, 'own.py: no class "Owm". Did you mean "Own"?'),
    "a name that is no class": ("own.py:nn", {}, 'no class "nn"'),
    "no such module": ("no_such_package.sub:Own", {}, "cannot be imported: ModuleNotFoundError"),
    "misspelt option": ("own.py:Own", {"slop": 1}, 'has no option "slop". Did you mean "slope"?'),
    "an argument given as an option": ("own.py:Own", {"in_dim": 1}, 'has no option "in_dim"'),
    "misspelt option of a shipped one": ("compgcn", {"dropuot": 0.1}, 'Did you mean "dropout"?'),
    "an option of the wrong type": ("rgcn", {"bases": "many"}, "encoder rgcn cannot be made: TypeError"),
    "not a module": ("own.py:Plain", {}, "not a torch.nn.Module"),
}


@pytest.mark.parametrize(("spec", "options", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_with_the_nearest_right_thing(spec: str, options: dict, words: str, tmp_path: Path):
    plain = "\nclass Plain:\n    def __init__(self, num_relations, in_dim, out_dim): pass\n"
    (tmp_path / "own.py").write_text(OWN + plain)
    with pytest.raises(PluginError) as error:
        registry.make_encoder(spec, tmp_path, 6, 8, 8, 1, options)
    assert words in str(error.value)


def test_a_file_is_read_anew_once_it_was_changed_and_else_is_the_same_class(tmp_path: Path):
    """The change may come within the second, and leave the file as long as it was."""
    found = []
    for word in ("word = 1", "word = 1", "word = 2"):
        (tmp_path / "own.py").write_text(OWN + f"    {word}\n")
        found.append(registry.load_class("own.py:Own", tmp_path))
    assert [cls.word for cls in found] == [1, 1, 2]
    assert found[0] is found[1]


def test_what_goes_wrong_in_a_file_of_ones_own_is_told_with_its_line(tmp_path: Path):
    (tmp_path / "own.py").write_text("\nimport no_such_module\n")
    with pytest.raises(PluginError, match=r"own\.py:2: encoder own\.py:Own cannot be imported: ModuleNotFound"):
        registry.load_class("own.py:Own", tmp_path)
    (tmp_path / "own.py").write_text(OWN + "        raise ValueError('odd')\n")
    with pytest.raises(PluginError, match=r"own\.py:7: encoder own\.py:Own cannot be made: ValueError: odd$"):
        registry.make_encoder("own.py:Own", tmp_path, 6, 8, 4, 1, {})
    (tmp_path / "own.py").write_text(OWN.replace(", in_dim, out_dim, slope=0.5", "").replace("in_dim, out_dim", "1, 1"))
    with pytest.raises(PluginError, match=r"it is made as Class\(num_relations, in_dim, out_dim, \*\*options\)"):
        registry.make_encoder("own.py:Own", tmp_path, 6, 8, 4, 1, {})


def test_a_file_of_ones_own_is_compiled_by_its_own_rules_alone(tmp_path: Path):
    (tmp_path / "own.py").write_text("class Own:\n    size: int = 3\n")
    assert registry.load_class("own.py:Own", tmp_path).__annotations__ == {"size": int}
