"""Motion maps: what the generator sees of an expression (Tri²-plane 3.1, "expression-related motion map").

The face of the head model in its front view at zero pose: the mean texture, which moves with the expression, and the
normals. Six channels in 0..1; zero where there is no face.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from offline.track.front_view import CENTRE, HALF, pixel_centres, rasterise, to_window, vertex_normals
from runtime.contract.axes import Array
from runtime.contract.drive import EXPRESSIONS
from runtime.contract.head_model import FACE_VERTICES, HeadModel

TOLERANCE = 1e-5
"""Barycentric slack, so that no pixel on an edge falls between two triangles."""
NEARLY, BEHIND = 0.3, 0.05
"""Barycentric slack and depth (dm) by which a triangle may miss a pixel in a sample and still be its candidate."""
SAMPLES = 160
"""Random expressions that the candidates are drawn from, besides each axis alone."""
CANDIDATES = 32
"""Triangles that a pixel may show at most; the rarest beyond are dropped."""


def motion_map(
    vertices: NDArray[np.floating],
    neutral: NDArray[np.floating],
    triangles: NDArray[np.integer],
    texture: NDArray[np.floating],
    size: int,
) -> Array:
    """The reference: [6, size, size] of deformed and neutral head-space vertices [468, 3] and a texture [T, T, 3] in
    0..1."""
    index, barycentrics = rasterise(vertices, triangles, size)
    corners = triangles[index]
    normals = np.einsum("hwk,hwkc->hwc", barycentrics, vertex_normals(vertices, triangles)[corners])
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    uv = np.einsum("hwk,hwkc->hwc", barycentrics, to_window(neutral)[corners])
    image = torch.from_numpy(np.ascontiguousarray(texture.transpose(2, 0, 1)[None], np.float32))
    grid = torch.from_numpy((2 * uv - 1)[None].astype(np.float32))
    colour = functional.grid_sample(image, grid, padding_mode="border", align_corners=False)[0].numpy()
    full = np.concatenate([colour, normals.transpose(2, 0, 1) / 2 + 0.5])
    return np.where(index >= 0, full, 0).astype(np.float32)


class MotionMapRasteriser(nn.Module):
    """The same in torch, fast and with static shapes: each pixel tries only the triangles that ever come to it."""

    pixels: Tensor
    candidates: Tensor
    corners: Tensor
    around: Tensor
    place: Tensor
    uv: Tensor
    texture: Tensor

    def __init__(
        self,
        model: HeadModel,
        size: int,
        texture: NDArray[np.floating],
        identity: Array | None = None,
        candidates: int = CANDIDATES,
    ) -> None:
        """`texture` is [T, T, 3] in 0..1 (`mean_texture`); `identity` [K] is the person's, the mean face's if None."""
        super().__init__()
        self.size = size
        triangles = model.triangles.astype(np.int64)
        neutral = model.vertices(identity)[:FACE_VERTICES]
        chosen = _candidates(model, neutral, size, candidates)
        active = np.flatnonzero((chosen >= 0).any(1))
        place = np.full(size * size, len(active))
        place[active] = np.arange(len(active))
        centres = pixel_centres(size).reshape(-1, 2)[active]
        pixels = (centres - 0.5) * [2 * HALF, -2 * HALF] + CENTRE
        self.register_buffer("pixels", torch.from_numpy(pixels.T.astype(np.float32)))
        self.register_buffer("candidates", torch.from_numpy(np.maximum(chosen[active], 0)))
        self.register_buffer("corners", torch.from_numpy(triangles))
        self.register_buffer("around", torch.from_numpy(_adjacent(triangles)))
        self.register_buffer("place", torch.from_numpy(place))
        self.register_buffer("uv", torch.from_numpy(to_window(neutral).astype(np.float32)[triangles].copy()))
        image = np.ascontiguousarray(texture.transpose(2, 0, 1)[None], np.float32)
        self.register_buffer("texture", torch.from_numpy(image))

    def forward(self, vertices: Tensor) -> Tensor:
        """Deformed head-space vertices [B, 468, 3] to [B, 6, size, size]."""
        batch, faces = vertices.shape[0], len(self.corners)
        corners = vertices.index_select(1, self.corners.reshape(-1)).reshape(batch, faces, 3, 3)
        a, b, c = corners.unbind(2)
        tried = self.candidates.reshape(-1)
        p = [plane.index_select(1, tried).reshape(batch, *self.candidates.shape) for plane in _planes(a, b, c)]
        x, y = self.pixels[0][:, None], self.pixels[1][:, None]
        first, second, depth = (p[i] * x + p[i + 1] * y + p[i + 2] for i in (0, 3, 6))
        inside = torch.minimum(torch.minimum(first, second), 1 - first - second) > -TOLERANCE
        nearest, choice = torch.where(inside, depth, -1e4).max(2, keepdim=True)
        w0, w1 = first.gather(2, choice), second.gather(2, choice)
        weights = torch.cat([w0, w1, 1 - w0 - w1], 2)[..., None]
        triangle = self.candidates.expand(batch, -1, -1).gather(2, choice)[..., 0]
        attributes = torch.cat([self._normals(a, b, c), self.uv.expand(batch, -1, -1, -1)], 3).reshape(-1, 15)
        row = triangle + torch.arange(batch, device=triangle.device)[:, None] * faces
        seen = attributes.index_select(0, row.reshape(-1)).reshape(batch, -1, 3, 5)
        seen = (weights * seen).sum(2)
        normals = functional.normalize(seen[..., :3], dim=2, eps=1e-6) / 2 + 0.5
        grid = 2 * seen[:, None, :, 3:] - 1
        texture = self.texture.expand(batch, -1, -1, -1)
        colour = functional.grid_sample(texture, grid, padding_mode="border", align_corners=False)[:, :, 0]
        channels = torch.cat([colour, normals.transpose(1, 2)], 1) * (nearest > -1e3).transpose(1, 2)
        padded = functional.pad(channels, (0, 1))
        return padded.index_select(2, self.place).reshape(batch, 6, self.size, self.size)

    def _normals(self, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        """Vertex normals at each triangle's corners, [B, F, 3, 3]."""
        face = functional.pad(torch.linalg.cross(b - a, c - a), (0, 0, 0, 1))
        around = face.index_select(1, self.around.reshape(-1)).reshape(face.shape[0], *self.around.shape, 3).sum(2)
        normals = functional.normalize(around, dim=2, eps=1e-6)
        return normals.index_select(1, self.corners.reshape(-1)).reshape(face.shape[0], -1, 3, 3)


def _planes(a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, ...]:
    """Each triangle's first two barycentrics and depth as planes over (x, y): three times three coefficients [B, F].

    A back-facing triangle gets barycentrics that no pixel satisfies.
    """
    ab, ac = b - a, c - a
    area = ab[..., 0] * ac[..., 1] - ab[..., 1] * ac[..., 0]
    front = area > 1e-9
    scale = torch.where(front, 1 / torch.where(front, area, 1.0), 0.0)
    bc = c - b
    x0, y0 = -bc[..., 1] * scale, bc[..., 0] * scale
    x1, y1 = ac[..., 1] * scale, -ac[..., 0] * scale
    c0 = torch.where(front, -(x0 * b[..., 0] + y0 * b[..., 1]), -1.0)
    c1 = torch.where(front, -(x1 * a[..., 0] + y1 * a[..., 1]), -1.0)
    za, zb, zc = a[..., 2], b[..., 2], c[..., 2]
    z = [w0 * (za - zc) + w1 * (zb - zc) for w0, w1 in ((x0, x1), (y0, y1), (c0, c1))]
    return x0, y0, c0, x1, y1, c1, z[0], z[1], z[2] + zc


def _candidates(model: HeadModel, neutral: Array, size: int, count: int) -> NDArray[np.int64]:
    """[size², count] triangles that cover each pixel in some expression, the most frequent first, -1 for none."""
    random = np.random.default_rng(0)
    single = np.eye(len(EXPRESSIONS))
    mixed = random.random((SAMPLES, len(EXPRESSIONS))) * (random.random((SAMPLES, len(EXPRESSIONS))) < 0.15)
    expressions = np.concatenate([np.zeros((1, len(EXPRESSIONS))), single, mixed])
    detail = np.clip(random.normal(size=(len(expressions), len(model.detail))), -2, 2)
    shapes = model.vertices(None, expressions, detail)[:, :FACE_VERTICES] - model.mean[:FACE_VERTICES] + neutral
    pixels, owners = _pairs(shapes, model.triangles, size)
    centres = torch.from_numpy((pixel_centres(size).reshape(-1, 2)[pixels] - 0.5) * [2 * HALF, -2 * HALF] + CENTRE)
    counts = np.zeros(len(pixels), np.int32)
    for shape in torch.from_numpy(shapes.astype(np.float64)):
        counts += _visible(shape[model.triangles], centres, pixels, owners, size)
    table = np.zeros((size * size, len(model.triangles)), np.int32)
    table[pixels, owners] = counts
    order = np.argsort(-table, 1, kind="stable")[:, :count]
    return np.where(np.take_along_axis(table, order, 1) > 0, order, -1)


def _pairs(
    shapes: NDArray[np.floating], triangles: NDArray[np.int32], size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(pixel, triangle) for each pixel within the bounds of a triangle over all shapes [S, 468, 3]."""
    corners = to_window(shapes)[:, triangles] * size
    low, high = corners.min((0, 2)) - 1, corners.max((0, 2)) + 1
    centres = np.arange(size) + 0.5
    columns, rows = ((centres >= low[:, i, None]) & (centres <= high[:, i, None]) for i in (0, 1))
    owners, y, x = np.nonzero(rows[:, :, None] & columns[:, None])
    return y * size + x, owners


def _visible(
    corners: Tensor, centres: Tensor, pixels: NDArray[np.intp], owners: NDArray[np.intp], size: int
) -> NDArray[np.bool_]:
    """Which pairs show their triangle, corners [F, 3, 3], or are so close to it that another face may."""
    triangle = torch.from_numpy(owners)
    p = [plane[triangle] for plane in _planes(corners[:, 0], corners[:, 1], corners[:, 2])]
    x, y = centres[:, 0], centres[:, 1]
    first, second, depth = ((p[i] * x + p[i + 1] * y + p[i + 2]).numpy() for i in (0, 3, 6))
    inside = np.minimum(np.minimum(first, second), 1 - first - second) > -NEARLY
    nearest = np.full(size * size, -np.inf)
    np.maximum.at(nearest, pixels[inside], depth[inside])
    return inside & (depth >= nearest[pixels] - BEHIND)


def _adjacent(triangles: NDArray[np.int64]) -> NDArray[np.int64]:
    """[468, most] triangles around each vertex, filled up with the index after the last triangle."""
    lists: list[list[int]] = [[] for _ in range(FACE_VERTICES)]
    for t, triangle in enumerate(triangles.tolist()):
        for vertex in triangle:
            lists[vertex].append(t)
    most = max(map(len, lists))
    return np.array([around + [len(triangles)] * (most - len(around)) for around in lists])
