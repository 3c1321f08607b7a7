"""Where a prior is and which one it is, told without loading it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

SHIPPED_PRIOR = "studio"
"""Name of the small prior that comes with Mien; it knows the studio's people only."""
PARTS = ("denoiser", "reference", "driving", "vae", "text_encoder", "tokenizer", "scheduler")
"""Its subfolders."""


def prior_folder(source: str | os.PathLike[str]) -> Path:
    """The folder of a prior by its name or path; of a name of the hub there is none."""
    return Path(__file__).parents[1] / "assets" / SHIPPED_PRIOR if source == SHIPPED_PRIOR else Path(source)


def prior_fingerprint(source: str | os.PathLike[str]) -> str:
    """SHA-256 of a prior's files: another one as soon as it is trained on. Empty for a name of the hub."""
    folder = prior_folder(source)
    if not folder.is_dir():
        return ""
    digest = hashlib.sha256()
    for path in sorted(file for part in PARTS for file in (folder / part).rglob("*") if file.is_file()):
        with path.open("rb") as file:
            contents = hashlib.file_digest(file, "sha256").digest()
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + contents)
    return digest.hexdigest()
