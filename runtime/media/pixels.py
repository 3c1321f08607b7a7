"""The type of 8-bit pictures."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]
"""[H, W] or [H, W, C], display values 0..255."""
