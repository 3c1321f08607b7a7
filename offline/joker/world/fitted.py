"""The head model's identity of the studio's people, as it would be fitted to a photo of theirs."""

from __future__ import annotations

import numpy as np

from offline.joker.captures.fitting import fit_pictures
from offline.joker.captures.framing import Lens
from offline.joker.captures.views import BACKGROUND, SHARE, head_camera
from offline.studio.identity import Identity
from offline.studio.render import render
from runtime.contract.axes import PORTRAIT_FOCAL, Array
from runtime.contract.drive import DriveState
from runtime.contract.head_model import HeadModel
from runtime.tracking.mesh import FaceMesh

SIZE = 256
"""Width of the picture that is fitted, pixels."""


def fitted_identity(who: Identity) -> Array | None:
    """Identity coefficients [K] from a frontal picture at rest; None where the tracker finds no face in it."""
    made = render(who, DriveState(), head_camera(), SIZE, antialias=False)
    colour = made.color + BACKGROUND * (1 - made.alpha[..., None])
    rgb = np.ascontiguousarray((colour.clip(0, 1) * 255 + 0.5).astype(np.uint8))
    with FaceMesh() as mesh:
        landmarks = mesh.detect(rgb, 0.0)
    if landmarks is None:
        return None
    observation = Lens(PORTRAIT_FOCAL / SHARE).observation(landmarks, SIZE, SIZE)
    return fit_pictures([observation], HeadModel.load()).identity.astype(np.float32)
