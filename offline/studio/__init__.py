"""A synthetic subject whose geometry is known exactly, for tests, priors and the demo avatar.

The subject is a signed-distance field, built in this order:

1. `warp.to_head` takes world points to head space with the neck's mixture of head and torso, the same that avatars use,
   so the shoulders stay while the head turns.
2. `warp.to_neutral` takes them on to the neutral face: an inverse warp of smooth bumps for brows, cheeks, lips and jaw,
   torn only at the mouth. Colours painted on the neutral face move with the skin for free.
3. `skull` is the neutral face: a radius over directions through MediaPipe's canonical face, moved by the identity.
   `head` adds what those points are too coarse for (lips, nostrils, folds), then lids, eyes, ears, teeth and tongue.
   The eye's and the mouth's openings are cut between two curves each, so closing a lid is moving a curve.
4. `hair` and `body` add the rest. `scene` joins all parts and says which material is nearest.

`rig` turns the 52 coefficients into the numbers that bend all this, `trace` finds where rays meet it, `paint` colours
it, `light` lights it in world space, `render` joins them into pictures. `performance` invents motion, `dataset` writes
clips.
"""

from offline.studio.identity import DEMO, Identity
from offline.studio.performance import performance
from offline.studio.render import Render, render

__all__ = ["DEMO", "Identity", "Render", "performance", "render"]
