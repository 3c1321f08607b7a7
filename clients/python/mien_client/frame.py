"""One picture as it comes over the frame websocket."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HEADER = struct.Struct("<4sBBBBIHHQII")
"""Magic, version, message type, codec, flags, sequence, height, width, microseconds, drive sequence, payload length."""
CODECS = {0: "RGBA8", 3: "JPEG"}
ALPHA = 2


@dataclass(frozen=True)
class Frame:
    """A picture with its place in time."""

    codec: str
    """RGBA8 (premultiplied by alpha) or JPEG."""
    has_alpha: bool
    sequence: int
    """Counts the pictures the server made; a gap shows those this client was too slow for."""
    width: int
    height: int
    seconds: float
    """On the server's session clock."""
    drive_sequence: int
    """Number of the coefficient message it shows, counted from 1; 0 where something else drives the avatar."""
    payload: bytes

    def array(self) -> NDArray[np.uint8]:
        """The pixels of an RGBA8 picture, [height, width, 4]. Raises ValueError for a JPEG."""
        import numpy as np

        if self.codec != "RGBA8":
            raise ValueError(f"a {self.codec} picture has no plain pixels; connect with codec='RGBA8' or decode it")
        return np.frombuffer(self.payload, np.uint8).reshape(self.height, self.width, 4)


def parse(message: bytes) -> Frame:
    """A frame from one binary message. Raises ValueError where it is cut or of another version."""
    if len(message) < HEADER.size:
        raise ValueError(f"a frame needs {HEADER.size} bytes of header, got {len(message)}")
    fields: tuple[Any, ...] = HEADER.unpack_from(message)
    magic, version, kind, codec, flags, sequence, height, width, microseconds, drive, length = fields
    if magic != b"MIEN" or version != 1 or kind != 0 or codec not in CODECS:
        raise ValueError("this server speaks another version; update mien-client")
    payload = message[HEADER.size :]
    if len(payload) != length:
        raise ValueError(f"a frame of {length} bytes came with {len(payload)}")
    return Frame(CODECS[codec], bool(flags & ALPHA), sequence, width, height, microseconds / 1e6, drive, payload)
