"""The 68 face points of iBUG 300-W among MediaPipe's 478 landmarks, and the distance on them that the paper reports.

The map is Mien's own, chosen on MediaPipe's canonical face and listed in iBUG's order, which runs along the picture
from the subject's right to their left (Sagonas et al. 2016, figure 1). Left and right halves are each other's mirror
image on the mesh. Where iBUG spaces points evenly along a line (jaw, nose bridge, lips), the vertex was taken that is
nearest to that share of the line's length, measured from the front:

- jaw: along the face's outline from the height of the eyes to the chin, eight steps a side;
- brows: the five vertices of the brow's upper edge, from its tail to its head;
- nose: from between the eyes to the tip, then the undersides of both wings and the septum between them;
- eyes: the corners, and above and below the vertices a third from each corner; clockwise on the picture, from the outer
  corner of the right eye and the inner corner of the left one;
- mouth: the outer line of the lips in thirds between the corners and the middle, the inner one in halves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

JAW = (127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356)
BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
NOSE = (168, 197, 5, 1, 98, 97, 2, 326, 327)
EYES = (33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380)
MOUTH = (61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91, 78, 81, 13, 311, 308, 402, 14, 178)
POINTS: tuple[int, ...] = (*JAW, *BROWS, *NOSE, *EYES, *MOUTH)
"""[68], vertices of the face mesh in iBUG's order."""
OUTER_EYE_CORNERS = (36, 45)
"""Of the 68 points: the subject's right, then left."""


def f_lmd(prediction: NDArray[np.floating], truth: NDArray[np.floating], size: int = 512) -> tuple[float, float]:
    """Mean Euclidean distance of the 68 points of two faces, landmarks [478, 2 or more] (u, v in 0..1).

    In pixels of a picture of `size`, and in % of the true face's distance between the outer corners of its eyes. The
    paper (equation 14) sums absolute differences and gives no unit.
    """
    ours, theirs = (points[np.array(POINTS), :2].astype(np.float64) * size for points in (prediction, truth))
    pixels = float(np.linalg.norm(ours - theirs, axis=1).mean())
    right, left = theirs[np.array(OUTER_EYE_CORNERS)]
    return pixels, 100 * pixels / max(float(np.linalg.norm(left - right)), 1e-6)
