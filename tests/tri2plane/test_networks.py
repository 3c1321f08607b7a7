"""The networks against versions that read like the papers."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from offline.tri2plane.decoder import Decoder
from offline.tri2plane.encoder import StyleMapping
from offline.tri2plane.generator import StyleGenerator
from offline.tri2plane.layers import ModulatedConv, upsample
from offline.tri2plane.presets import PRESETS
from offline.tri2plane.to_planes import StillTriPlane
from runtime.errors import BadInput
from tests.tri2plane.tiny import TINY


def test_modulation_of_activations_equals_modulation_of_weights() -> None:
    """StyleGAN2 scales and normalises the weights for each sample; the graph scales activations instead."""
    torch.manual_seed(0)
    layer = ModulatedConv(5, 7, 4)
    x, style = torch.randn(3, 5, 6, 6), torch.randn(3, 4)
    expected = []
    for i in range(3):
        s = 1 + layer.affine(style[i])
        weight = layer.weight * s[None, :, None, None]
        weight = weight * torch.rsqrt(weight.square().sum((1, 2, 3), keepdim=True) + 1e-8)
        expected.append(F.conv2d(x[i : i + 1], weight, layer.bias, padding=1))
    torch.testing.assert_close(layer(x, style), torch.cat(expected), atol=1e-5, rtol=1e-4)


def test_a_style_keeps_its_size_however_the_weights_grow() -> None:
    """Else a fast start makes styles so large that all expressions look alike."""
    torch.manual_seed(0)
    mapping = StyleMapping(6, 16)
    with torch.no_grad():
        for parameter in mapping.parameters():
            parameter.mul_(1000)
    style = mapping(torch.randn(4, 4), torch.randn(4, 2))
    torch.testing.assert_close(style.square().mean(1), torch.ones(4))


def test_composing_hidden_layers_equals_composing_colours() -> None:
    torch.manual_seed(0)
    decoder = Decoder(TINY)
    feature = torch.randn(2, 5, 9, TINY.plane_channels)
    direction = F.normalize(torch.randn(2, 9, 3), dim=-1)
    weights = torch.rand(2, 5, 9) / 5
    bias = decoder.direction_bias(direction)
    expected = (weights[..., None] * decoder.colour(feature, bias)).sum(1)
    torch.testing.assert_close(decoder.composed_colour(weights, feature, bias), expected, atol=1e-5, rtol=1e-4)


def test_density_does_not_see_the_direction_and_is_never_negative() -> None:
    torch.manual_seed(0)
    assert (Decoder(TINY).density(torch.randn(100, TINY.plane_channels) * 10) >= 0).all()


def test_a_level_is_the_one_before_enlarged_plus_its_own() -> None:
    torch.manual_seed(0)
    generator = StyleGenerator(TINY)
    style = torch.randn(1, TINY.style)
    levels = generator(style)
    assert [tuple(level.shape[-2:]) for level in levels] == [(s, s) for s in TINY.plane_sizes]
    with torch.no_grad():
        level = generator.to_planes[1]
        assert isinstance(level, StillTriPlane)
        level.still.zero_()
        level.gain.zero_()
    without = generator(style)[1]
    torch.testing.assert_close(without, upsample(levels[0].flatten(1, 2)).reshape(without.shape))


def test_a_preset_takes_the_pictures_size_from_the_clip() -> None:
    assert PRESETS["lite"].for_picture(256).picture == 256
    with pytest.raises(BadInput, match="--size 256"):
        PRESETS["lite"].for_picture(300)
