"""Motion maps of a person from coefficients, inside the generator's graph (paper 3.1)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from offline.track.motion_map import MotionMapRasteriser
from runtime.contract.axes import Array
from runtime.contract.head_model import FACE_VERTICES, HeadModel


class MotionMaps(nn.Module):
    """Expression [B, 52] and detail [B, 8] → mean texture and normals from the front, [B, 6, M, M] in 0..1."""

    neutral: Tensor
    axes: Tensor
    detail_range: Tensor

    def __init__(
        self, model: HeadModel, identity: Array | None, texture: NDArray[np.floating], size: int, detail_range: Tensor
    ) -> None:
        """`detail_range` [2, 8] as `Tri2Plane` has it."""
        super().__init__()
        self.register_buffer("detail_range", detail_range.float())
        neutral = model.vertices(identity)[:FACE_VERTICES]
        axes = np.concatenate([model.expression, model.detail])[:, :FACE_VERTICES]
        self.register_buffer("neutral", torch.from_numpy(neutral.reshape(-1).copy()))
        self.register_buffer("axes", torch.from_numpy(axes.reshape(len(axes), -1).copy()))
        self.rasteriser = MotionMapRasteriser(model, size, texture, identity)

    def forward(self, expression: Tensor, detail: Tensor) -> Tensor:
        detail = detail.clamp(self.detail_range[0], self.detail_range[1])
        vertices = self.neutral + torch.cat([expression, detail], 1) @ self.axes
        return self.rasteriser(vertices.reshape(-1, FACE_VERTICES, 3))
