"""The whole subject as one distance field over world space."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from offline.studio.body import Body, body
from offline.studio.fields import Points, smin
from offline.studio.hair import Hair, hair
from offline.studio.head import Head, head
from offline.studio.identity import Identity
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

    def surface(self, p: Points) -> Surface:
        q, t = to_head(p, self.pose, self.neck)
        parts = head(q, self.rig, self.identity, self.skull)
        trunk: Body = body(q, t, self.identity)
        tresses = hair(q, self.identity)
        skin = smin(parts.skin, trunk.neck, 0.10)
        rows = (skin, parts.eye, parts.teeth, parts.tongue, tresses.distance, trunk.cloth)
        return Surface(torch.stack(rows), q, t, parts, tresses)

    def distance(self, p: Points) -> Tensor:
        """Signed distance [N] to the nearest surface; negative inside."""
        return self.surface(p).distances.amin(0)


def build_scene(identity: Identity, state: DriveState) -> Scene:
    return Scene(identity, build_skull(identity), build_rig(state.expression, identity), torch.from_numpy(state.pose))
