"""Soft studio light, fixed in world space: a key from the picture's upper left, a fill, a rim and the sky.

Skin takes wrapped light with a redder falloff, which stands in for scattering under the surface; two distance look-ups
along the normal give ambient occlusion, one towards the key a soft shadow.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from offline.studio.fields import Points
from offline.studio.paint import Paint
from offline.studio.trace import Distance

KEY = normalize(torch.tensor([-0.50, 0.62, 0.80]), dim=0)
FILL = normalize(torch.tensor([0.80, 0.10, 0.75]), dim=0)
RIM = normalize(torch.tensor([0.75, 0.55, -0.75]), dim=0)
KEY_COLOUR = torch.tensor([1.00, 0.95, 0.88])[:, None] * 1.22
FILL_COLOUR = torch.tensor([0.85, 0.93, 1.00])[:, None] * 0.34
RIM_COLOUR = torch.tensor([1.00, 0.97, 0.95])[:, None] * 0.55
SKY, GROUND = torch.tensor([0.36, 0.38, 0.41])[:, None], torch.tensor([0.20, 0.16, 0.14])[:, None]
_SCATTER = torch.tensor([0.42, 0.20, 0.13])[:, None]


def _dot(n: Points, light: Tensor) -> Tensor:
    return n.x * light[0] + n.y * light[1] + n.z * light[2]


def _wrapped(cosine: Tensor, soft: Tensor) -> Tensor:
    """Diffuse light [3, N] with the terminator widened by scattering, more in red."""
    wrap = _SCATTER * soft + 0.06
    return ((cosine + wrap) / (1.0 + wrap)).clamp(min=0.0)


def occlusion(distance: Distance, p: Points, n: Points) -> tuple[Tensor, Tensor]:
    """(ambient 0..1, key shadow 0..1), both [N]."""
    ambient = torch.ones_like(p.x)
    for reach, strength in ((0.07, 3.2), (0.32, 1.3)):
        d = distance(p.moved(n.x * reach, n.y * reach, n.z * reach))
        ambient = ambient - strength * torch.relu(reach * 0.9 - d)
    shadow = torch.ones_like(p.x)
    for reach in (0.10, 0.26):
        lift = 0.02
        k = KEY * reach
        d = distance(Points(p.x + n.x * lift + k[0], p.y + n.y * lift + k[1], p.z + n.z * lift + k[2]))
        shadow = torch.minimum(shadow, (0.5 + d / (reach * 0.55)).clamp(0.0, 1.0))
    return ambient.clamp(0.12, 1.0), shadow


def shade(paint: Paint, n: Points, view: Tensor, ambient: Tensor, shadow: Tensor) -> Tensor:
    """Linear colour [3, N]; `view` [3, N] are unit directions towards the camera."""
    sky = 0.5 + 0.5 * n.y
    light = (GROUND + (SKY - GROUND) * sky) * ambient ** torch.tensor([0.8, 1.0, 1.05])[:, None]
    key = _wrapped(_dot(n, KEY), paint.soft)
    light = light + KEY_COLOUR * key * (0.25 + 0.75 * shadow) * (0.4 + 0.6 * ambient)
    light = light + FILL_COLOUR * _wrapped(_dot(n, FILL), paint.soft) * ambient
    light = light + RIM_COLOUR * _wrapped(_dot(n, RIM), paint.soft) * ambient
    facing = (n.x * view[0] + n.y * view[1] + n.z * view[2]).clamp(0.0, 1.0)
    fresnel = 0.04 + 0.5 * (1.0 - facing) ** 4
    specular = torch.zeros_like(facing)
    for direction, strength in ((KEY, 1.0), (FILL, 0.35)):
        half = normalize(direction[:, None] + view, dim=0)
        cosine = (n.x * half[0] + n.y * half[1] + n.z * half[2]).clamp(min=0.0)
        specular = specular + strength * (0.5 * cosine**14 + 0.5 * cosine**48)
    glow = paint.gloss * (specular * 0.30 * (0.3 + 0.7 * shadow) + 0.35 * fresnel) * ambient
    return paint.colour * light + glow * KEY_COLOUR


def to_display(linear: Tensor) -> Tensor:
    """Linear light to display values 0..1: a soft shoulder, then the sRGB power."""
    x = torch.where(linear > 0.7, 0.7 + 0.3 * torch.tanh((linear - 0.7) / 0.5), linear)
    return x.clamp(0.0, 1.0) ** (1 / 2.2)
