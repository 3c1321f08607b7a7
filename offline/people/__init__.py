"""Synthetic people of whom everything is known, for training sets, tests and the demo avatars.

They stand on the head model's dense mesh (`offline.head_model.dense`), so that a clip's coefficients, pose and gaze are
the truth. In the order in which a picture is made:

1. `person` says who somebody is, as plain numbers drawn by seed. `model` makes them ready: `surface` is the finer
   skin with its paint places, `skin` its colours and wrinkles, `hair`, `teeth`, `clothes` and `glasses` the rest.
2. `render` moves all of it by coefficients and pose (the neck bends as `runtime.contract.axes.Neck` says), `light`
   finds what reaches every vertex, `raster` which triangle every sample sees, `shade` what it looks like; light spreads
   under the skin; hair is drawn over it near to far.
3. `performance` invents motion, `dataset` writes clips, `sheet` contact sheets.

Rasteriser, shading and strands are loops compiled by numba on one core.
"""

from offline.people.model import Model, prepared
from offline.people.performance import performance
from offline.people.person import DEMOS, Person
from offline.people.render import Render, landmarks, render

__all__ = ["DEMOS", "Model", "Person", "Render", "landmarks", "performance", "prepared", "render"]
