"""LPIPS: how different two pictures look to a network that was trained to see (Zhang et al. 2018), version 0.1, VGG16.

Mien ships no weights for it. They are read from a local folder; `RECIPE` says how to make one.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from runtime.errors import BadInput

STAGES = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
"""VGG16's convolutions by their number in torchvision's and timm's `features`; a stage ends in a tap, then a pool."""
CHANNELS = (64, 128, 256, 512, 512)
SMALLEST = 16
"""Pixels a side; less is nothing after four pools."""
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
"""What version 0.1 subtracts from, and divides, pictures in -1..1 by."""
RECIPE = (
    "A folder for LPIPS holds safetensors files with two things: VGG16 trained on ImageNet under torchvision's names "
    "(features.0.weight ... features.28.bias), for instance model.safetensors of timm's vgg16.tv_in1k, and the five "
    "heads (lin0.model.1.weight ... lin4.model.1.weight), which are lpips/weights/v0.1/vgg.pth in the PyPI package "
    "'lpips': load that file with torch.load(..., weights_only=True) and write it with safetensors.torch.save_file"
)


class Lpips(nn.Module):
    """The distance, frozen: gradients reach the pictures only. Weights are random until `load` has read them."""

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.tensor(SHIFT)[:, None, None])
        self.register_buffer("scale", torch.tensor(SCALE)[:, None, None])
        self.features = nn.ModuleDict()
        before = 3
        for stage, channels in zip(STAGES, CHANNELS, strict=True):
            for number in stage:
                self.features[str(number)] = nn.Conv2d(before, channels, 3, padding=1)
                before = channels
        self.heads = nn.ParameterList(torch.rand(channels) for channels in CHANNELS)
        self.requires_grad_(False)

    @classmethod
    def load(cls, folder: Path) -> Lpips:
        """The network in `folder`: all its safetensors files together hold

        - ``features.N.weight`` and ``features.N.bias`` of VGG16's thirteen convolutions (torchvision's, timm's names);
        - ``linK.model.1.weight`` or ``linK.weight``, [1, C, 1, 1], for K of 0..4 (the lpips package's names).

        Other tensors are left alone. Raises BadInput, naming the first that is missing or of another shape, with the
        recipe for such a folder.
        """
        network = cls()
        for name, parameter in network.named_parameters():
            parameter.data.copy_(_find(folder, _names(name), parameter))
        return network.eval()

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Distances [B] of pictures [B, 3, H, W] in 0..1, at least 16 pixels a side; 0 for equal ones."""
        if prediction.shape != target.shape or prediction.shape[1] != 3 or min(prediction.shape[2:]) < SMALLEST:
            raise ValueError(
                f"LPIPS compares [B, 3, H, W] of {SMALLEST} pixels a side and more, "
                f"got {tuple(prediction.shape)} and {tuple(target.shape)}"
            )
        total = prediction.new_zeros(len(prediction), dtype=torch.float32)
        for a, b, head in zip(self.taps(prediction), self.taps(target), self.heads, strict=True):
            difference = (_unit(a) - _unit(b)).square()
            total = total + (difference * head[:, None, None]).sum(1).mean((1, 2))
        return total

    def taps(self, picture: Tensor) -> list[Tensor]:
        """relu1_2, relu2_2, relu3_3, relu4_3, relu5_3 of a picture [B, 3, H, W] in 0..1."""
        x = (2 * picture - 1 - self.shift) / self.scale
        taps: list[Tensor] = []
        for stage in STAGES:
            x = F.max_pool2d(x, 2) if taps else x
            for number in stage:
                x = F.relu(self.features[str(number)](x))
            taps.append(x)
        return taps


def _unit(features: Tensor) -> Tensor:
    """Features [B, C, h, w] of length 1 at each place; zeros stay zeros, and their gradient finite."""
    return F.normalize(features.float(), dim=1, eps=1e-10)


def _names(parameter: str) -> tuple[str, ...]:
    """What a parameter may be called in a file."""
    kind, number, *_ = parameter.split(".")
    return (f"lin{number}.model.1.weight", f"lin{number}.weight") if kind == "heads" else (parameter,)


def _find(folder: Path, names: tuple[str, ...], like: Tensor) -> Tensor:
    """The first tensor of one of these names in the folder's files; a head [1, C, 1, 1] comes as [C]."""
    try:
        for path in sorted(folder.glob("*.safetensors")):
            with safe_open(path, framework="pt") as file:
                for name in (n for n in names if n in file.keys()):  # noqa: SIM118 - it is no mapping
                    tensor = file.get_tensor(name)
                    if tensor.numel() != like.numel() or tensor.squeeze().shape != like.squeeze().shape:
                        raise BadInput(f"'{path}': '{name}' is {tuple(tensor.shape)}, not VGG16's. {RECIPE}.")
                    return tensor.reshape(like.shape)
    except (SafetensorError, OSError) as error:
        raise BadInput(f"'{folder}' cannot be read as safetensors ({error}). {RECIPE}.") from error
    raise BadInput(f"'{folder}' lacks '{names[0]}'. {RECIPE}.")
