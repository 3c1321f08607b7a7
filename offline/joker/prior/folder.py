"""Where a prior is and which one it is, told without loading it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime.errors import BadInput

SHIPPED_PRIOR = "studio"
"""Name of the small prior that comes with Mien; it knows the studio's people only."""
PARTS = ("denoiser", "reference", "driving", "vae", "text_encoder", "tokenizer", "scheduler")
"""Its subfolders."""
MAX_CONFIG = 64 * 1024
"""Bytes of a configuration that are read."""


def prior_folder(source: str | os.PathLike[str]) -> Path:
    """The folder of a prior by its name or path; of a name of the hub there is none."""
    return Path(__file__).parents[1] / "assets" / SHIPPED_PRIOR if source == SHIPPED_PRIOR else Path(source)


def existing_folder(source: str | os.PathLike[str]) -> Path | None:
    """The folder of a prior, or None where `source` is a name of the hub. Raises BadInput where it can only be a folder
    that is not there."""
    folder = prior_folder(source)
    if folder.is_dir():
        return folder
    if len(folder.parts) > 2 or folder.is_absolute() or str(source).startswith((".", "~")):
        raise BadInput(f"there is no prior '{source}'; give its folder, or a name of the hub such as owner/model")
    return None


def prior_size(source: str | os.PathLike[str]) -> int:
    """Width and height in pixels of a prior's pictures, told by its configuration: nothing else is loaded.

    Raises BadInput where there is none, or it does not say.
    """
    folder = existing_folder(source)
    if folder is None:
        return _size_on_the_hub(str(source))
    denoiser, vae = (_config(folder / part / "config.json") for part in ("denoiser", "vae"))
    return _size(folder, denoiser, vae)


def _size(source: object, denoiser: Mapping[str, Any], vae: Mapping[str, Any]) -> int:
    latents, blocks = denoiser.get("sample_size"), vae.get("block_out_channels")
    if not isinstance(latents, int) or not 1 <= latents <= 4096 or not isinstance(blocks, list) or len(blocks) > 8:
        raise BadInput(f"the prior '{source}' does not say how large its pictures are; train or download it again")
    return latents * 2 ** (len(blocks) - 1)


def _config(path: Path) -> dict[str, Any]:
    """A part's configuration. Raises BadInput where it is none."""
    try:
        with path.open("rb") as file:
            values = json.loads(file.read(MAX_CONFIG))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"the prior's '{path}' cannot be read ({error}); train or download it again") from error
    if not isinstance(values, dict):
        raise BadInput(f"the prior's '{path}' is not a mapping; train or download it again")
    return values


def _size_on_the_hub(name: str) -> int:
    from diffusers import AutoencoderKL, UNet2DConditionModel  # takes seconds, and folders need none of it

    try:
        denoiser = UNet2DConditionModel.load_config(name, subfolder="denoiser")
        vae = AutoencoderKL.load_config(name, subfolder="vae")
    except (OSError, ValueError) as error:
        raise BadInput(
            f"there is no prior '{name}'; give its folder, or a name of the hub such as owner/model"
        ) from error
    return _size(name, denoiser, vae)


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
