"""The presets' ideas at a size for tests."""

from __future__ import annotations

from dataclasses import replace

import torch

from offline.tri2plane.model import Tri2Plane
from offline.tri2plane.presets import Preset
from runtime.contract.axes import portrait_camera
from tests.tri2plane.tiny import BOX, DETAIL_RANGE, TINY, TINY_FACE, mean_atlas

TINY_LIVE = replace(TINY, name="tiny-live", rays=64, patches=4, guide_rays=16, narrow_rays=32, cells=256)
TINY_PAPER = replace(
    TINY, name="tiny-paper", encoder_norm=True, encoder=(8, 8, 8), embedding=12, mapping=(10, 14), residual_trunk=True,
    mixing=2, lateral="features", rays=64, patches=4, guide_rays=1, guide_samples=0, samples=8,
    super_resolution="unet", sr_channels=2,
)  # fmt: skip
VARIANTS = {preset.name: preset for preset in (TINY, TINY_FACE, TINY_LIVE, TINY_PAPER)}


def model_of(preset: Preset) -> Tri2Plane:
    torch.manual_seed(0)
    atlas = mean_atlas() if preset.warp == "face" else None
    return Tri2Plane(preset, torch.from_numpy(BOX), torch.from_numpy(DETAIL_RANGE), atlas).eval()


def front_view(batch: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pose, intrinsics and extrinsics of a head at rest before the portrait camera."""
    camera = portrait_camera()
    return (
        torch.eye(3, 4).expand(batch, -1, -1),
        torch.from_numpy(camera.intrinsics).expand(batch, -1),
        torch.from_numpy(camera.extrinsics).expand(batch, -1, -1),
    )
