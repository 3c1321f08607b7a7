"""The whole subject as one distance field over world space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from offline.studio.body import Body, body
from offline.studio.fields import Points, smin
from offline.studio.hair import Hair, hair
from offline.studio.head import Head, head
from offline.studio.identity import Identity, Shape
from offline.studio.manner import PLAIN, Manner
from offline.studio.rig import Rig, build_rig
from offline.studio.skull import Skull, build_skull
from offline.studio.warp import to_head
from runtime.contract.axes import Neck
from runtime.contract.drive import DriveState

SKIN, EYE, TEETH, TONGUE, HAIR, CLOTH = range(6)
"""Materials, in the order of `Surface.distances`."""


class Surface(NamedTuple):
    """Everything known at a set of points: distances to the materials [6, N] and where to paint them."""

    distances: Tensor
    head_point: Points
    torso_point: Points
    head: Head
    hair: Hair


@dataclass(frozen=True)
class Scene:
    """A subject at one moment. Distances are in dm, points in world space."""

    identity: Identity
    skull: Skull
    rig: Rig
    pose: Tensor
    neck: Neck = field(default_factory=Neck)

    compiled: bool = False

    def surface(self, p: Points) -> Surface:
        evaluate = _compiled_surface() if self.compiled else _surface
        return evaluate(p, self.rig, self.pose, self.skull, self.identity.shape, self.neck)

    def distance(self, p: Points) -> Tensor:
        """Signed distance [N] to the nearest surface; negative inside."""
        evaluate = _compiled_distance() if self.compiled else _distance
        return evaluate(p, self.rig, self.pose, self.skull, self.identity.shape, self.neck)


def build_scene(identity: Identity, state: DriveState, manner: Manner = PLAIN, *, compiled: bool = False) -> Scene:
    """The scene of a drive state. `compiled` fuses the distance field with torch.compile: the first use takes most of a
    minute and needs a C++ compiler, every later one a fifth of the time."""
    pose = torch.from_numpy(state.pose)
    return Scene(
        identity, build_skull(identity), build_rig(state.expression, identity, manner), pose, compiled=compiled
    )


def _surface(p: Points, rig: Rig, pose: Tensor, skull: Skull, identity: Shape, neck: Neck) -> Surface:
    q, t = to_head(p, pose, neck)
    parts = head(q, rig, identity, skull)
    trunk: Body = body(q, t, identity)
    tresses = hair(q, identity)
    skin = smin(parts.skin, trunk.neck, 0.10)
    rows = (skin, parts.eye, parts.teeth, parts.tongue, tresses.distance, trunk.cloth)
    return Surface(torch.stack(rows), q, t, parts, tresses)


def _distance(p: Points, rig: Rig, pose: Tensor, skull: Skull, identity: Shape, neck: Neck) -> Tensor:
    return _surface(p, rig, pose, skull, identity, neck).distances.amin(0)


@lru_cache(maxsize=1)
def _compiled_surface() -> Callable[..., Surface]:
    return torch.compile(_surface, dynamic=True, fullgraph=True)


@lru_cache(maxsize=1)
def _compiled_distance() -> Callable[..., Tensor]:
    return torch.compile(_distance, dynamic=True, fullgraph=True)
