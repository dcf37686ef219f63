"""What ships: recipes that work, and worldfacts with the counts that its README tells."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import torch
from conftest import ROOT

from dsomgnn.contract import check_encoder
from dsomgnn.data.encoders.feature_encoders import read_texts
from dsomgnn.data.triples import load_dataset
from dsomgnn.modality import make_feature
from dsomgnn.places import dataset_places
from dsomgnn.recipe import load_recipe
from dsomgnn.settings import FeatureRecipe

RECIPES = sorted((ROOT / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_a_shipped_recipe_is_valid_and_its_encoders_keep_the_contract(path: Path):
    for teacher in load_recipe(path).teachers.values():
        check_encoder(teacher.encoder, path.parent, len(teacher.fanouts), dict(teacher.options))


@cache
def present(folder: Path, settings: str) -> int:
    """How many entities have a feature; for a network's, how many have what it reads."""
    recipe, dataset = FeatureRecipe.model_validate_json(settings), load_dataset(folder)
    if recipe.encoder == "minilm":
        return len(read_texts(folder, recipe.source, dataset.entities)[0])
    return int(make_feature("x", recipe, dataset, seed=0).present.sum())


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_the_features_of_a_shipped_recipe_are_files_of_its_data_set(path: Path):
    recipe = load_recipe(path)
    folder = next((p for p in dataset_places(recipe.data.name, path.parent) if any(p.glob("train.txt*"))), None)
    if folder is None:
        pytest.skip(f"{recipe.data.name} is not at hand; set $DSOMGNN_DATASETS")
    assert all(present(folder, feature.model_dump_json()) for feature in recipe.features.values())


def test_there_are_recipes():
    assert {"worldfacts.toml", "worldfacts-own-encoder.toml"} <= {path.name for path in RECIPES}


@pytest.fixture(scope="module")
def readme(worldfacts: Path) -> str:
    return (worldfacts / "README.md").read_text()


@pytest.fixture(scope="module")
def dataset(worldfacts: Path):
    return load_dataset(worldfacts)


def test_worldfacts_has_the_size_that_its_readme_tells(dataset, readme: str):
    sizes = dataset.num_entities, dataset.num_relations, *(len(dataset.split(s)) for s in ("train", "valid", "test"))
    assert sizes == (744, 19, 14006, 1750, 1750)
    assert "{} entities, {} relations, {}/{}/{} train/valid/test".format(*sizes) in readme


def test_worldfacts_has_the_kinds_and_relations_that_its_readme_counts(dataset, readme: str):
    kinds, relations = (ast.literal_eval(found) for found in re.findall(r"\{'.*?\}", readme))
    every = torch.cat([dataset.train, dataset.valid, dataset.test])
    assert Counter(dataset.entities.kinds) == kinds
    assert Counter(dataset.relations.ids[r] for r in every[:, 1].tolist()) == relations


def test_worldfacts_has_no_triple_twice_and_nothing_outside_train(dataset):
    every = torch.cat([dataset.train, dataset.valid, dataset.test])
    assert len(every.unique(dim=0)) == len(every)
    assert dataset.warnings == ()


def test_worldfacts_leaks_no_more_reversed_pairs_than_its_readme_tells(dataset, readme: str):
    told = int(re.search(r"(\d+) test triples join a pair that train joins the other way round", readme)[1])
    pairs = {(h, t) for h, _, t in dataset.train.tolist()}
    assert sum((t, h) in pairs for h, _, t in dataset.test.tolist()) == told


def test_worldfacts_has_a_text_for_all_and_a_picture_for_335(dataset, worldfacts: Path):
    recipe = load_recipe(ROOT / "recipes" / "worldfacts.toml")
    have = {name: present(worldfacts, feature.model_dump_json()) for name, feature in recipe.features.items()}
    assert have["text"] == 744
    assert have["picture"] == len(list((worldfacts / "images").glob("*.png"))) == 335
    assert 0 < have["number"] <= Counter(dataset.entities.kinds)["country"]


def test_a_shipped_recipe_is_found_by_its_name_where_there_is_no_such_file(tmp_path, monkeypatch, capsys):
    from dsomgnn.cli import main

    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["check", "recipes/worldfacts-own-encoder.toml"])
    assert stop.value.code == 0
    assert "keeps its contract" in capsys.readouterr().out
