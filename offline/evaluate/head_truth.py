"""The studio's truth about a head that is to be distilled: pictures, depth and normals from every side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from offline.joker.captures.views import View, between
from offline.joker.prior.ambiguity import over_background, picture_of
from offline.joker.world.looks import EVERYDAY, FAMILIES, Look, expression, person
from offline.studio.identity import Identity
from offline.studio.render import render
from runtime.contract.drive import DriveState
from runtime.errors import BadInput
from runtime.naming import unknown

VIEWS = (9, 5)
"""The evaluation's views lie between those of a grid of this size: 8 × 4 of them."""
AROUND = 5
"""Every so many views all looks of the family are rendered too, to ask which of them a picture shows."""


@dataclass(frozen=True)
class HeadTruth:
    """A person with a look, seen from V views; a family's other looks from some of them."""

    name: str
    person: Identity
    look: Look
    views: tuple[View, ...]
    reference: Tensor
    """[3, P, P], 0..1: frontal, neutral; what the prior gets."""
    pictures: Tensor
    """[V, 3, P, P], 0..1, over the plain background."""
    depth: NDArray[np.float32]
    """[V, P, P], dm along the camera's axis, 0 where nothing is."""
    normals: NDArray[np.float32]
    """[V, P, P, 3], unit, world space."""
    rivals: dict[int, Tensor]
    """By the number of a view, the truths [looks, 3, P, P] of the look's family, in its order."""
    family: tuple[str, ...]


def head_truth(seed: int, look_name: str, size: int, views: Sequence[View] | None = None) -> HeadTruth:
    """Renders the truth about the person `seed` with the look of that name. Raises BadInput where it is unknown."""
    family, look = named_look(look_name)
    who = person(seed)
    seen = tuple(between(*VIEWS) if views is None else views)
    state = DriveState(expression=expression(look).astype(np.float32))
    made = [render(who, state, view.camera, size, look.manner) for view in seen]
    rivals = {n: _rivals(who, family, seen[n], size) for n in range(0, len(seen), AROUND)}
    return HeadTruth(
        f"{who.name}, {look.name}", who, look, seen, picture_of(who, EVERYDAY[0], 0.0, 0.0, size),
        torch.stack([over_background(r) for r in made]), np.stack([r.depth for r in made]),
        np.stack([r.normals for r in made]), rivals, tuple(rival.name for rival in family),
    )  # fmt: skip


def named_look(name: str) -> tuple[tuple[Look, ...], Look]:
    """A look by its name, and the family that it is of. Raises BadInput naming the nearest."""
    for family in FAMILIES.values():
        for look in family:
            if look.name == name:
                return family, look
    raise BadInput(unknown("look", name, (look.name for family in FAMILIES.values() for look in family)))


def _rivals(who: Identity, family: Sequence[Look], view: View, size: int) -> Tensor:
    return torch.stack([picture_of(who, look, view.yaw, view.pitch, size) for look in family])
