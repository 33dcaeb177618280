"""Pretrained networks give what the originals give, of the same weights."""

import pytest
import torch

from artpipe import plugins
from artpipe.artifacts.extractor_card import ExtractorCard
from artpipe.config.own_weights import list_own_pins
from artpipe.config.params import About
from artpipe.nn.pretrained.efficientnet_network import EfficientNetLite0
from artpipe.nn.pretrained.inception_network import InceptionV3, resize_as_tensorflow
from artpipe.nn.pretrained.vgg16_layout import LAYERS
from tests.support.vgg_weights import make_random_state


def build(name: str, tensors):
    """Build an extractor's network of these tensors."""
    extractor = plugins.load_plugin("extractors", name)
    wanted = extractor.rename(tensors, "")
    card = ExtractorCard(
        name=name, network=name, layers=extractor.layers, mean=extractor.mean, std=extractor.std, about=About(), file=""
    )  # fmt: skip
    return extractor.build(card, {key: wanted[key] for key in extractor.shapes()})


def seeded_state(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Weights by seed that keep numbers in bounds."""
    generator = torch.Generator().manual_seed(1)
    return {
        name: (torch.rand(value.shape, generator=generator) - (0.5 if value.ndim > 1 else -0.5))
        * (0.1 if value.ndim > 1 else 1.0)
        if value.is_floating_point()
        else value
        for name, value in network.state_dict().items()
    }


def test_inception_is_that_of_torch_fidelity(tmp_path):
    """The same weights by seed, the same picture: the same 2048 features, resizing included."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    state = seeded_state(InceptionV3())
    torch.save(
        {**state, "fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}, tmp_path / "inception.pth"
    )
    path = str(tmp_path / "inception.pth")
    original = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=path)
    pictures = torch.randint(0, 256, (1, 3, 32, 40), generator=torch.Generator().manual_seed(2), dtype=torch.uint8)
    with torch.no_grad():
        features = build("inception_v3", state).features(pictures / 127.5 - 1)
        assert features.shape == (1, 2048)
        assert torch.allclose(features, original(pictures)[0], atol=1e-5)


def test_resizing_is_that_of_tensorflow():
    """Bit for bit as torch-fidelity has it, larger and smaller."""
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    picture = torch.rand(1, 2, 7, 50, generator=torch.Generator().manual_seed(1))
    original = interpolate_bilinear_2d_like_tensorflow1x(picture, size=(20, 20), align_corners=False)
    assert torch.allclose(resize_as_tensorflow(picture, 20), original, atol=1e-6)


def test_efficientnet_has_the_paper_s_size():
    """EfficientNet-lite0 has 4.65 million weights, of which the classifier has 1000 x 1280 and 1000."""
    count = sum(weight.numel() for weight in EfficientNetLite0().parameters())
    assert count == 4_652_008 - 1_281_000


def test_efficientnet_reads_the_names_of_its_file():
    """Every tensor of ours is found under the name that the file has, and features are 1280."""
    extractor = plugins.load_plugin("extractors", "efficientnet_lite0")
    state = seeded_state(EfficientNetLite0())
    network = build("efficientnet_lite0", state)
    with torch.no_grad():
        assert network.features(torch.zeros(2, 3, 20, 30)).shape == (2, 1280)
    named = {
        "_blocks.1._bn0.weight": state["blocks.1.expand.norm.weight"],
        "_conv_stem.weight": state["stem.conv.weight"],
    }
    renamed = extractor.rename(named, "")
    assert torch.equal(renamed["blocks.1.expand.norm.weight"], named["_blocks.1._bn0.weight"])
    assert torch.equal(renamed["stem.conv.weight"], named["_conv_stem.weight"])


def test_features_of_vgg_have_the_mean_square_that_kid_expects():
    """Rows of mean square 1, whatever the picture."""
    network = build("vgg16", make_random_state())
    pictures = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1
    features = network.features(pictures)
    assert features.square().mean(1).tolist() == pytest.approx([1.0, 1.0], rel=1e-4)


def test_every_pin_names_a_network():
    """Artpipe's own pins are named after the networks they are of."""
    networks = plugins.list_plugins("extractors")
    assert {name.replace("-", "_") for name in list_own_pins()} <= set(networks)


def test_lpips_is_its_definition_on_torchvision_s_vgg16():
    """The squared difference of unit features behind five of its ReLUs, weighted by channel, its mean over places."""
    from torchvision.models import vgg16

    places = {"conv1_2": 4, "conv2_2": 9, "conv3_3": 16, "conv4_3": 23, "conv5_3": 30}
    state, generator = make_random_state(), torch.Generator().manual_seed(3)
    heads = {
        f"lin{i}.model.1.weight": torch.rand(1, len(state[f"{layer}.bias"]), 1, 1, generator=generator)
        for i, layer in enumerate(places)
    }
    with torch.device("meta"):
        original = vgg16().features.eval()
    convolutions = [i for i, module in enumerate(original) if isinstance(module, torch.nn.Conv2d)]
    original.load_state_dict(
        {f"{i}.{part}": state[f"{layer}.{part}"] for i, layer in zip(convolutions, LAYERS, strict=True) for part in ("weight", "bias")},
        assign=True,
    )  # fmt: skip
    pictures = torch.rand(2, 3, 16, 20, generator=generator) * 2 - 1
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    expected = 0.0
    with torch.no_grad():
        for head, place in zip(heads.values(), places.values(), strict=True):
            first, second = torch.nn.functional.normalize(original[:place](((pictures + 1) / 2 - mean) / std), dim=1)
            expected += float((head[0] * (first - second).square()).sum(0).mean())
        network = build("lpips_vgg16", {**state, **heads})
        assert network.distances(pictures[:1], pictures[1:]).item() == pytest.approx(expected, rel=1e-4)
        one, other = network.features(pictures)
    assert (one - other).square().sum().item() == pytest.approx(expected, rel=1e-4)


def test_lpips_refuses_weights_that_are_negative():
    """A distance is a sum of what is not negative."""
    extractor = plugins.load_plugin("extractors", "lpips_vgg16")
    scales = {name: torch.ones(shape) for name, shape in extractor.shapes().items() if name.endswith("scale")}
    assert extractor.find_objection(scales) == ""
    assert "conv3_3" in extractor.find_objection({**scales, "conv3_3.scale": -scales["conv3_3.scale"]})
