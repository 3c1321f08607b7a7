"""From plane features to density and colour."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from offline.tri2plane.presets import Preset


def encode_direction(direction: Tensor, bands: int) -> Tensor:
    """Unit vectors [..., 3] → [..., 3 + 6·bands]: the vector, and sine and cosine of it times 1, 2, 4, …."""
    parts = [direction]
    for band in range(bands):
        parts += [torch.sin(direction * 2**band), torch.cos(direction * 2**band)]
    return torch.cat(parts, -1)


class Decoder(nn.Module):
    """Plane feature and view direction → density and colour feature; one for all levels (paper eq. 3).

    The direction enters as a bias of the hidden layer: concatenation, written so that it is computed once a ray.
    It does not reach the density.
    """

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.bands = preset.direction_bands
        density = preset.density_hidden or preset.hidden // 2
        self.density_in = nn.Linear(preset.plane_channels, density)
        self.density_out = nn.Linear(density, 1)
        self.colour_in = nn.Linear(preset.plane_channels, preset.hidden)
        self.colour_direction = nn.Linear(3 + 6 * self.bands, preset.hidden, bias=False)
        self.colour_out = nn.Linear(preset.hidden, preset.features)

    def density(self, feature: Tensor) -> Tensor:
        """[..., C] → σ [...], per dm, ≥ 0."""
        return F.softplus(self.density_out(F.relu(self.density_in(feature)))[..., 0] * 4 - 1)

    def direction_bias(self, direction: Tensor) -> Tensor:
        """What unit directions [..., 3] add to the hidden layer, [..., H]."""
        return self.colour_direction(encode_direction(direction, self.bands))

    def colour(self, feature: Tensor, bias: Tensor) -> Tensor:
        """Features [B, S, N, C] and `direction_bias` [B, N, H] → [B, S, N, F]; the first three are RGB, about 0..1."""
        return self.colour_out(self._hidden(feature, bias))

    def composed_colour(self, weights: Tensor, feature: Tensor, bias: Tensor) -> Tensor:
        """``Σ_s w_s · colour_s`` [B, N, F] for weights [B, S, N]: equal to composing `colour`.

        The last layer is linear, so the hidden layer is composed and the last layer runs once a ray, not once a sample.
        """
        hidden = (weights[..., None] * self._hidden(feature, bias)).sum(1)
        opacity = weights.sum(1)[..., None]
        return F.linear(hidden, self.colour_out.weight) + self.colour_out.bias * opacity

    def _hidden(self, feature: Tensor, bias: Tensor) -> Tensor:
        return F.relu(self.colour_in(feature) + bias[:, None])
