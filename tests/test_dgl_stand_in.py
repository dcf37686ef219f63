"""dgl loads with any torch: GraphBolt where it fits, else a stand-in that says why it is missing."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
import torch

from dsomgnn import _dgl


@pytest.mark.parametrize(("version", "fits"), [("2.1.0", True), ("2.1.0+cu121", True), ("2.1.1", False)])
def test_graphbolt_fits_only_the_torch_that_it_was_built_for(version: str, fits: bool, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(_dgl, "GRAPHBOLT_NEEDS", ("json",))
    (tmp_path / "graphbolt").mkdir()
    (tmp_path / "graphbolt" / "libgraphbolt_pytorch_2.1.0.so").touch()
    assert _dgl.graphbolt_fits(version, tmp_path) is fits


def test_graphbolt_does_not_fit_where_something_that_it_imports_is_missing(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(_dgl, "GRAPHBOLT_NEEDS", ("json", "no_such_module"))
    (tmp_path / "graphbolt").mkdir()
    (tmp_path / "graphbolt" / "libgraphbolt_pytorch_2.1.0.so").touch()
    assert not _dgl.graphbolt_fits("2.1.0", tmp_path)


def test_names_of_the_stand_in_can_be_imported_and_inherited_and_say_why_when_called():
    module = _dgl.stand_in("no GraphBolt for torch 9")

    class Own(module.ItemSampler):
        pass

    for name in (module.ItemSampler, Own):
        with pytest.raises(ImportError, match="no GraphBolt for torch 9"):
            name(1, batch_size=2)
    assert not hasattr(module, "__file__")


def test_dgl_samples_whether_graphbolt_is_there_or_not():
    dgl = _dgl.dgl
    graph = dgl.graph(([0, 1, 2], [1, 2, 0]))
    _, _, blocks = dgl.dataloading.NeighborSampler([-1]).sample_blocks(graph, torch.tensor([1]))
    assert blocks[0].srcdata[dgl.NID].tolist() == [1, 0]
    assert sys.modules["dgl.graphbolt"] is dgl.graphbolt


def test_a_dgl_that_cannot_be_imported_leaves_no_stand_in_behind(monkeypatch):
    hidden = [name for name in sys.modules if name == "dgl" or name.startswith("dgl.")]
    for name in hidden:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(_dgl, "graphbolt_fits", lambda *_: False)

    def broken(name: str):
        raise OSError("libdgl.so is broken")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(OSError, match="broken"):
        _dgl.load()
    assert "dgl.graphbolt" not in sys.modules
