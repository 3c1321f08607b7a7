"""Volume rendering: where to sample along a ray, and how samples make a pixel."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from offline.precision import in_float32
from offline.tri2plane.lens import pixel_centres


@in_float32
def camera_rays(
    intrinsics: Tensor, extrinsics: Tensor, size: int, places: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Origins [B, 3] and directions [B, size·size, 3] in world space through the pixel centres, row by row.

    `intrinsics` [B, 4] = (fx, fy, cx, cy) as fractions of the picture, `extrinsics` [B, 3, 4] world → camera. A
    direction has length 1 along the camera's axis, so a ray's parameter is depth. `places` [B or 1, 2, size] are those
    of columns and rows in the picture, where they are not even.
    """
    b = intrinsics.shape[0]
    even = pixel_centres(size, intrinsics).expand(1, 2, -1) if places is None else places
    u = even[:, 0, None].expand(-1, size, -1).reshape(-1, size * size)
    v = even[:, 1, :, None].expand(-1, -1, size).reshape(-1, size * size)
    fx, fy, cx, cy = (intrinsics[:, i : i + 1] for i in range(4))
    camera = torch.stack([(u - cx) / fx, (v - cy) / fy, torch.ones_like(u[:1]).expand(b, -1)], -1)
    rotation, translation = extrinsics[:, :, :3], extrinsics[:, :, 3]
    return -(translation[:, None] @ rotation)[:, 0], camera @ rotation


def even_depths(near: Tensor, far: Tensor, samples: int, jitter: bool) -> tuple[Tensor, Tensor]:
    """Depths [B, S, N] and interval lengths [B, 1, N] of S equal intervals between near and far [B, N].

    Depths are the intervals' middles, or, with `jitter` (training only), a random point of each.
    """
    step = ((far - near) / samples)[:, None]
    index = torch.arange(samples, dtype=near.dtype, device=near.device)[:, None]
    offset = torch.rand(step.shape[0], samples, step.shape[2], device=near.device) if jitter else 0.5
    return near[:, None] + (index + offset) * step, step


NOWHERE = 1e3
"""dm, a depth beyond any."""
NARROW_ROOM = 0.5
"""`met_interval`'s room where the guide sees what the fine samples see. A hard wall's front may be half a step before
that; what is trained so is soft over more than a step."""
OPAQUE = 128.0
"""Optical thickness through which float32 sees nothing: exp(-OPAQUE) is 0."""


@in_float32
def composite_weights(optical: Tensor) -> Tensor:
    """Weights [B, S, N] of samples with optical thickness σ·δ [B, S, N] (Max 1995).

    ``w_i = exp(-Σ_{j<i} σ_j δ_j) · (1 - exp(-σ_i δ_i))``. The sum over the samples before is a product with a strictly
    lower-triangular matrix, which every export target knows, unlike cumprod. No wall is appended behind the last
    sample, so the weights add up to the true opacity. A thickness may be infinite.
    """
    optical = optical.float().clamp(max=OPAQUE)  # in the product below infinity would meet the triangle's zeros
    s = optical.shape[1]
    before = torch.tril(torch.ones(s, s, dtype=optical.dtype, device=optical.device), -1)
    return torch.exp(-(before @ optical)) * (1 - torch.exp(-optical))


def met_interval(weights: Tensor, depths: Tensor, step: Tensor, room: float) -> tuple[Tensor, Tensor]:
    """Near and far [B, N] of what rays met, from weights and depths [B, S, N] and steps [B, 1, N] along them: mean ± 2
    deviations and `room` steps more, within their samples. Near is `NOWHERE` and far its negative where they met
    nothing."""
    opacity = weights.sum(1)
    share = weights / opacity.clamp(min=1e-6)[:, None]
    mean = (share * depths).sum(1)
    deviation = (share * (depths - mean[:, None]) ** 2).sum(1).clamp(min=0).sqrt()
    reach = 2 * deviation + room * step[:, 0]
    met = opacity > 0.02
    near = torch.where(met, torch.maximum(mean - reach, depths[:, 0]), NOWHERE)
    return near, torch.where(met, torch.minimum(mean + reach, depths[:, -1]), -NOWHERE)


def united(near: Tensor, far: Tensor) -> tuple[Tensor, Tensor]:
    """Of each ray's near and far [B, 1, n, n] those of the 3×3 rays around it together."""
    return -F.max_pool2d(-near, 3, 1, 1), F.max_pool2d(far, 3, 1, 1)


def guided_interval(
    weights: Tensor, depths: Tensor, step: Tensor, size: int, rays: int, room: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Where along each of rays² fine rays to sample, from the guide's weights and depths [B, S, size²].

    A guide ray spans what it met (`met_interval`); each fine ray takes the union over the 3×3 guide rays around it, so
    that silhouettes keep both the near and the far surface. Where nothing was met, the whole range stands. Returns near
    and far [B, rays²].
    """
    b, up = weights.shape[0], rays // size
    near, far = united(*(t.reshape(b, 1, size, size) for t in met_interval(weights, depths, step, room)))
    low, high = (depths[:, end].reshape(b, 1, size, size) for end in (0, -1))
    nothing = near >= far
    near, far = torch.where(nothing, low, near), torch.where(nothing, high, far)
    near, far = (t.repeat_interleave(up, 2).repeat_interleave(up, 3).reshape(b, -1) for t in (near, far))
    return near, far


def squares(rays: Tensor, count: int) -> list[Tensor]:
    """What belongs to R² rays [B, R², ...], row by row, as count² squares [B, (R/count)², ...], row by row."""
    b, n, *rest = rays.shape
    side = int(n**0.5) // count
    cut = rays.reshape(b, count, side, count, side, *rest).transpose(2, 3)
    return list(cut.reshape(b, count * count, side * side, *rest).unbind(1))


def joined(parts: list[Tensor], count: int) -> Tensor:
    """count² squares [B, C, side, side], row by row → [B, C, R, R]."""
    return torch.cat([torch.cat(parts[row * count : (row + 1) * count], 3) for row in range(count)], 2)
