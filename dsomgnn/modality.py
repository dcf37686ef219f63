"""One modality of a recipe, read from the data set's folder and made into features."""

from __future__ import annotations

import torch

from dsomgnn.counter import Counter
from dsomgnn.data.encoders.encoded import CPU, histogram_feature, item_encoder, model_feature
from dsomgnn.data.encoders.feature_encoders import numeric_feature, text_feature
from dsomgnn.data.features import Feature, array_feature
from dsomgnn.data.triples import Dataset
from dsomgnn.settings import FeatureRecipe

TEXT_DIM = 128


def make_feature(name: str, recipe: FeatureRecipe, dataset: Dataset, seed: int, device: torch.device = CPU) -> Feature:
    folder, entities = dataset.folder, dataset.entities
    if recipe.encoder == "tfidf-svd":
        with Counter(f"{name}: words of texts"):
            feature = text_feature(name, folder, recipe.source, recipe.dim or TEXT_DIM, entities, seed)
    elif recipe.encoder == "numeric":
        feature = numeric_feature(name, folder, recipe.source, entities)
    elif recipe.encoder == "histogram":
        feature = histogram_feature(name, folder, recipe.source, entities)
    elif recipe.encoder == "array":
        feature = array_feature(name, folder, recipe.source, recipe.ids, recipe.dim, entities, seed)
    else:
        encoder = item_encoder(recipe.encoder, device)
        with Counter(f"{name}: {encoder.reads}") as count:
            feature = model_feature(name, folder, recipe.source, recipe.dim, entities, seed, encoder, count)
    return feature.kept(recipe.keep, seed)
