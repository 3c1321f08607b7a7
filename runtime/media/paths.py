"""File names as FFmpeg takes them."""

from __future__ import annotations

import os
from pathlib import Path


def ffmpeg_name(path: Path) -> str:
    """The file at `path`, whatever its name holds: FFmpeg takes what stands before a colon for a protocol."""
    return f"file:{os.fspath(path)}"
