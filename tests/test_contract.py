"""The contract of encoders: what keeps it passes, and each way to break it is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import ROOT

from dsomgnn.contract import check_encoder
from dsomgnn.errors import PluginError
from dsomgnn.registry import SHIPPED

GOOD = """\
import torch
from torch import nn

class Own(nn.Module):
    def __init__(self, num_relations, in_dim, out_dim):
        super().__init__()
        self.relation = nn.Parameter(torch.randn(num_relations, in_dim))
        self.out = nn.Linear(in_dim, out_dim)

    def forward(self, layers, x):
        for layer in layers:
            x = x[: layer.num_dst] + layer.mean(x[layer.src] * self.relation[layer.etype])
        return self.out(x)
"""
INIT, LAST = "        self.out = nn.Linear(in_dim, out_dim)\n", "        return self.out(x)\n"

BROKEN = {
    "other shape": (LAST, "        return self.out(x)[:, :-1]\n", "expected (num_seeds, out_dim)"),
    "sources, not seeds": (LAST, "        return self.out(torch.zeros(layers[0].num_src, 8))\n", "num_seeds"),
    "not a tensor": (LAST, "        return [self.out(x)]\n", "returns list, expected a tensor"),
    "double": (LAST, "        return self.out(x).double()\n", "forward returns float64, expected float32"),
    "half": (LAST, "        return self.out(x).bfloat16()\n", "forward returns bfloat16, expected float32"),
    "room for ten neighbours": (
        LAST,
        "        torch.ones(10)[layer.dst.bincount().max() - 1 if len(layer.dst) else 0]\n" + LAST,
        "fails where an entity has 300 neighbours: IndexError",
    ),
    "NaN": (LAST, "        return self.out(x) / 0\n", "NaN or infinity"),
    "raises": (LAST, "        return self.uot(x)\n", "forward fails: AttributeError"),
    "takes other arguments": ("forward(self, layers, x)", "forward(self, x)", "own.py:Own: forward fails: TypeError"),
    "no forward": ("def forward", "def backward", "own.py:Own: forward fails: NotImplementedError"),
    "idle parameter": (INIT, INIT + "        self.idle = nn.Linear(2, 2)\n", "gradient reaches idle.weight, idle.bias"),
    "lazy widths": (INIT, "        self.out = nn.LazyLinear(out_dim)\n", "out.weight has no shape before it is used"),
    "no gradient": (LAST, "        return self.out(x).detach()\n", "its output carries no gradient"),
    "needs edges": (LAST, "        layer.src.max()\n" + LAST, "fails on an empty neighbourhood"),
    "divides by the degree": (
        LAST,
        "        return self.out(x) / torch.bincount(layer.dst, minlength=len(x)).bool()[:, None]\n",
        "fails on an empty neighbourhood: encoder own.py:Own: forward returns NaN",
    ),
    "tensor outside parameters and buffers": (
        INIT,
        INIT + "        self.fixed = torch.randn(in_dim)\n        self.out.register_forward_pre_hook("
        "lambda m, a: a[0] * self.fixed)\n",
        "another output after save and load",
    ),
    "random in evaluation": (
        LAST,
        "        return self.out(x) + torch.rand(1)\n",
        "another output after save and load",
    ),
}


def write(folder: Path, old: str = "", new: str = "") -> None:
    assert old in GOOD
    (folder / "own.py").write_text(GOOD.replace(old, new))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_an_encoder_that_keeps_the_contract_passes_without_a_note(depth: int, tmp_path: Path):
    write(tmp_path)
    assert check_encoder("own.py:Own", tmp_path, depth, {}) == []


@pytest.mark.parametrize(("old", "new", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_broken_is_named(old: str, new: str, words: str, tmp_path: Path):
    write(tmp_path, old, new)
    with pytest.raises(PluginError) as error:
        check_encoder("own.py:Own", tmp_path, 1, {})
    assert words in str(error.value)


def test_a_forward_that_fails_is_told_by_its_line_wherever_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """In the class, in one that it derives from, or nowhere: an option that a shipped encoder cannot make use of."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "base_of_own.py").write_text(GOOD.replace(LAST, "        return self.uot(x)\n"))
    (tmp_path / "own.py").write_text("from base_of_own import Own as Base\n\nclass Own(Base):\n    pass\n")
    line = 1 + GOOD.splitlines().index(LAST.rstrip())
    with pytest.raises(PluginError, match=rf"base_of_own\.py:{line}: encoder own\.py:Own: forward fails: AttributeErr"):
        check_encoder("own.py:Own", tmp_path, 1, {})
    with pytest.raises(PluginError, match=r"^encoder rgcn"):
        check_encoder("rgcn", tmp_path, 1, {"bases": 0})


def test_all_that_is_broken_is_named_at_once(tmp_path: Path):
    (_, idle, first), (_, edges, second) = BROKEN["idle parameter"], BROKEN["needs edges"]
    (tmp_path / "own.py").write_text(GOOD.replace(INIT, idle).replace(LAST, edges))
    with pytest.raises(PluginError) as error:
        check_encoder("own.py:Own", tmp_path, 1, {})
    assert first in str(error.value)
    assert second in str(error.value)


def test_blindness_to_relations_is_noted_but_allowed(tmp_path: Path):
    write(tmp_path, "self.relation[layer.etype]", "self.relation.mean()")
    assert check_encoder("own.py:Own", tmp_path, 1, {}) == ["relations change nothing in its output"]


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("name", [name for name in SHIPPED if name != "lookup"])
def test_shipped_encoders_keep_it_at_every_depth(name: str, depth: int, tmp_path: Path):
    assert check_encoder(name, tmp_path, depth, {}) == []


@pytest.mark.parametrize("depth", [1, 2])
def test_the_example_encoder_keeps_it_in_at_most_30_lines(depth: int):
    assert check_encoder("my_encoder.py:GatedNeighbours", ROOT / "recipes", depth, {"dropout": 0.5}) == []
    assert len((ROOT / "recipes" / "my_encoder.py").read_text().splitlines()) <= 30


def test_checking_leaves_the_random_state_alone(tmp_path: Path):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    check_encoder("rgcn", tmp_path, 1, {})
    assert torch.equal(torch.rand(2), expected)


def test_an_encoder_may_change_its_input_in_place(tmp_path: Path):
    write(tmp_path, "        for layer", "        x.mul_(0.5)\n        for layer")
    assert check_encoder("own.py:Own", tmp_path, 1, {}) == []
