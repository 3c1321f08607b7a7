"""LPIPS on weights drawn here: the formula, not the numbers of the trained network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from offline.perceptual import CHANNELS, STAGES, Lpips
from runtime.errors import BadInput

HEADS = "lin{}.model.1.weight"


def weights(head: str = HEADS) -> dict[str, Tensor]:
    """Small random weights under the names of torchvision and of the lpips package."""
    generator = torch.Generator().manual_seed(3)
    tensors, before = {}, 3
    for level, (stage, channels) in enumerate(zip(STAGES, CHANNELS, strict=True)):
        for number in stage:
            drawn = torch.randn(channels, before, 3, 3, generator=generator)
            tensors[f"features.{number}.weight"] = drawn * (2 / (9 * before)) ** 0.5
            tensors[f"features.{number}.bias"] = 0.1 * torch.randn(channels, generator=generator)
            before = channels
        tensors[head.format(level)] = torch.rand(1, channels, 1, 1, generator=generator)
    return tensors


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lpips")
    save_file(weights(), path / "vgg.safetensors")
    return path


@pytest.fixture(scope="module")
def network(folder: Path) -> Lpips:
    return Lpips.load(folder)


def pictures() -> tuple[Tensor, Tensor]:
    a, b = torch.rand(2, 2, 3, 16, 16, generator=torch.Generator().manual_seed(5))
    return a, b


def test_equal_pictures_are_at_no_distance_and_others_at_some(network: Lpips) -> None:
    a, b = pictures()
    assert network(a, a).tolist() == [0.0, 0.0]
    assert (network(a, b) > 0).all() and network(a, b).shape == (2,)


def test_it_is_the_formula_of_the_paper(network: Lpips) -> None:
    """Written out as layers in torchvision's order: Conv, ReLU and MaxPool numbered 0 to 29."""
    held, (a, b) = weights(), pictures()
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])

    def features(picture: Tensor) -> list[Tensor]:
        x, taps = ((2 * picture - 1) - shift.view(1, 3, 1, 1)) / scale.view(1, 3, 1, 1), []
        for layer in range(30):
            if f"features.{layer}.weight" in held:
                x = F.conv2d(x, held[f"features.{layer}.weight"], held[f"features.{layer}.bias"], padding=1)
            elif layer in (4, 9, 16, 23):
                x = F.max_pool2d(x, 2)
            else:
                x = x.clamp(min=0)
            if layer in (3, 8, 15, 22, 29):
                taps.append(x / x.square().sum(1, keepdim=True).sqrt())
        return taps

    expected = torch.zeros(2)
    for level, (p, q) in enumerate(zip(features(a), features(b), strict=True)):
        expected += F.conv2d((p - q) ** 2, held[HEADS.format(level)]).mean((1, 2, 3))
    torch.testing.assert_close(network(a, b), expected, rtol=1e-5, atol=1e-6)  # float32 sums in another order


def test_gradients_reach_the_pictures_alone_and_stay_finite(network: Lpips) -> None:
    black = torch.zeros(1, 3, 16, 16, requires_grad=True)
    network(black, pictures()[0][:1]).sum().backward()
    assert black.grad is not None and torch.isfinite(black.grad).all() and black.grad.abs().sum() > 0
    assert all(p.grad is None and not p.requires_grad for p in network.parameters())


def test_both_names_of_the_heads_are_read_and_from_several_files(tmp_path: Path, network: Lpips) -> None:
    tensors = weights("lin{}.weight")
    heads = {name: value for name, value in tensors.items() if name.startswith("lin")}
    save_file({n: v for n, v in tensors.items() if n not in heads} | {"classifier.0.bias": torch.zeros(2)},
              tmp_path / "model.safetensors")  # fmt: skip
    save_file(heads, tmp_path / "heads.safetensors")
    a, b = pictures()
    assert torch.equal(Lpips.load(tmp_path)(a, b), network(a, b))


@pytest.mark.parametrize("absent", ["features.17.bias", "lin3.model.1.weight"])
def test_what_is_missing_is_named_with_the_recipe(tmp_path: Path, absent: str) -> None:
    save_file({name: value for name, value in weights().items() if name != absent}, tmp_path / "vgg.safetensors")
    with pytest.raises(BadInput, match=rf"lacks '{absent}'.*vgg16\.tv_in1k"):
        Lpips.load(tmp_path)


def test_another_shape_an_empty_folder_and_a_broken_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"lacks 'features\.0\.weight'"):
        Lpips.load(tmp_path)
    save_file(weights() | {"features.5.bias": torch.zeros(64)}, tmp_path / "vgg.safetensors")
    with pytest.raises(BadInput, match=r"'features\.5\.bias' is \(64,\)"):
        Lpips.load(tmp_path)
    (tmp_path / "vgg.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(BadInput, match="cannot be read"):
        Lpips.load(tmp_path)


def test_pictures_that_do_not_fit_are_refused(network: Lpips) -> None:
    with pytest.raises(ValueError, match="16 pixels"):
        network(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8))
