"""A distilled bank on disk: expressions, each with the tri-planes of its head. No pickle.

    bank.json                  what the bank is and its expressions, in order
    heads/SLUG.safetensors     a finished expression: `coarse` [3, C, h, w] and `fine` [3, C, H, W], float16; and what
                               they were made from, so that a head of other words does not pass for this one
    base.safetensors           kind "alone": the networks and the neutral head
    work/SLUG/                 what going on after a kill needs, and previews

`coarse` and `fine` are the first and the last level of a `Tri2Plane` with lateral "planes": the one guides the samples,
the other is looked up. Kind "avatar" belongs to a trained avatar, whose frozen networks show its heads. Kind "alone"
has networks of its own; its first expression is the neutral one, whose head is the base's and has no file in heads.
Files are written under another name and renamed, so that a kill leaves the old one or the new one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from offline.files import write_text
from offline.joker.bank.expressions import NEUTRAL, DistilledExpression, check_list
from offline.tensors import AGAIN, read_about, read_tensors, write_tensors
from offline.tri2plane.presets import Preset
from runtime.documents import read_bounded
from runtime.errors import BadInput
from runtime.naming import shown, unknown

FORMAT = "mien-bank"
VERSION = 1
MAX_BYTES = 256 * 1024
"""Of ``bank.json``; 17 expressions take a tenth."""
KINDS = ("avatar", "alone")
NETWORKS = ("decoder.", "super_resolution.")
_TEXTS = ("kind", "subject", "consent", "prior", "prior_fingerprint", "preset", "avatar", "fingerprint")


class Planes(NamedTuple):
    """The two levels of tri-planes that show a head."""

    coarse: Tensor
    """[3, C, h, w], the level that guides the samples."""
    fine: Tensor
    """[3, C, H, W], the level that is looked up; the sum of all levels."""


@dataclass(frozen=True)
class Base:
    """What a bank of kind "alone" shows its heads with."""

    preset: Preset
    """Sizes of the networks and of the rendering."""
    box: Tensor
    """[2, 3], the part of head space that the planes cover, dm."""
    networks: Mapping[str, Tensor]
    """State of ``decoder.*`` and ``super_resolution.*``, as `Tri2Plane` names them."""
    neutral: Planes
    """The head at rest."""


@dataclass(frozen=True)
class BankInfo:
    """What ``bank.json`` holds. Raises BadInput where the values do not fit each other."""

    kind: str
    """"avatar" or "alone"."""
    subject: str
    consent: str
    prior: str
    """Name or folder of the 2D prior."""
    prior_fingerprint: str
    """Of its files, as they were when the heads were distilled; empty for a name of the hub."""
    preset: str
    """Name of the distillation's preset, and the settings that differ from it (`DistillPreset.label`)."""
    expressions: tuple[DistilledExpression, ...]
    avatar: str = ""
    """Folder of the avatar's training run; empty for kind "alone"."""
    fingerprint: str = ""
    """The run's, as it was when the heads were distilled; see `Run.fingerprint`."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadInput(unknown("kind of bank", self.kind, KINDS))
        check_list(self.expressions)
        neutral = [n for n, e in enumerate(self.expressions) if e.name == NEUTRAL]
        if self.kind == "alone" and neutral != [0]:
            raise BadInput(f"a bank from one picture begins with the expression '{NEUTRAL}'; put it first in the list")
        if self.kind == "avatar" and neutral:
            raise BadInput(f"an avatar has a neutral face already; take '{NEUTRAL}' out of the list")
        if not (self.kind == "avatar") == bool(self.avatar) == bool(self.fingerprint):
            raise BadInput("a bank has the folder and the fingerprint of an avatar if, and only if, it belongs to one")

    @property
    def played(self) -> tuple[DistilledExpression, ...]:
        """The expressions that have heads of their own, in order: all but the neutral one."""
        return tuple(e for e in self.expressions if e.name != NEUTRAL)

    def as_dict(self) -> dict[str, Any]:
        texts = {name: getattr(self, name) for name in _TEXTS}
        return {"format": FORMAT, "version": VERSION, **texts, "expressions": [e.as_dict() for e in self.expressions]}


def head_path(folder: Path, expression: DistilledExpression) -> Path:
    """Where the planes of a finished expression are."""
    return folder / "heads" / f"{expression.slug}.safetensors"


def base_path(folder: Path) -> Path:
    """Where the networks and the neutral head of a bank of kind "alone" are."""
    return folder / "base.safetensors"


def work_path(folder: Path, expression: DistilledExpression) -> Path:
    """Where an expression keeps what going on needs, and its previews."""
    return folder / "work" / expression.slug


def is_finished(folder: Path, expression: DistilledExpression) -> bool:
    """Whether an expression has been distilled, as it is now and with the neutral head that is there now."""
    path = base_path(folder) if expression.name == NEUTRAL else head_path(folder, expression)
    return path.is_file() and _made_from(folder, expression) == _checked(path, read_about(path)).get("from")


def _made_from(folder: Path, expression: DistilledExpression) -> dict[str, Any]:
    """What a head's looks depend on, but for that which is one in a whole bank."""
    own = {"prompt": expression.prompt, "coefficients": dict(expression.coefficients)}
    base = base_path(folder)
    if expression.name != NEUTRAL and base.is_file():
        own["base"] = hashlib.sha256(base.read_bytes()).hexdigest()
    return own


def write_info(folder: Path, info: BankInfo) -> None:
    """Write ``bank.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "bank.json", json.dumps(info.as_dict(), indent=1))


def read_info(folder: Path) -> BankInfo:
    """Read and check ``bank.json``. Raises BadInput, saying what to do."""
    path = folder / "bank.json"
    try:
        values = json.loads(read_bounded(path, MAX_BYTES))
    except FileNotFoundError:
        raise BadInput(f"'{folder}' is not a bank; make one with: mien distill --reference PHOTO -o {folder}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"'{path}' is not valid JSON ({error}); distil again into another folder") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise BadInput(f"'{path}' does not describe a bank: 'format' should be '{FORMAT}'")
    if values.get("version") != VERSION:
        raise BadInput(f"'{path}' is of version {shown(values.get('version'))}, this Mien reads version {VERSION}")
    known = ("format", "version", "expressions", *_TEXTS)
    for key in values:
        if key not in known:
            raise BadInput(f"'{path}': {unknown('key', key, known)}")
    if any(not isinstance(values.get(key), str) for key in _TEXTS) or not isinstance(values.get("expressions"), list):
        raise BadInput(f"'{path}' must have the texts {', '.join(_TEXTS)} and the list expressions")
    try:
        expressions = tuple(DistilledExpression.from_dict(v) for v in values["expressions"])
        return BankInfo(**{key: values[key] for key in _TEXTS}, expressions=expressions)
    except BadInput as error:
        raise BadInput(f"'{path}': {error}") from error


def write_head(folder: Path, expression: DistilledExpression, planes: Planes, notes: Mapping[str, Any]) -> None:
    """Write a finished head; `notes` are plain values on how it was made."""
    meta = {"from": _made_from(folder, expression), "notes": dict(notes)}
    save_tensors(head_path(folder, expression), _halves(planes), meta)


def read_head(folder: Path, expression: DistilledExpression) -> Planes:
    """The planes of a finished expression, float32. Raises BadInput where it is not finished or not readable."""
    if not is_finished(folder, expression):
        raise BadInput(f"'{expression.name}' is not distilled yet; finish it with: mien distill ... -o {folder}")
    path = head_path(folder, expression)
    return _planes(path, load_tensors(path)[0])


def write_base(folder: Path, expression: DistilledExpression, base: Base, notes: Mapping[str, Any]) -> None:
    """Write the networks and the neutral head, which is `expression`, of a bank of kind "alone"."""
    tensors = _halves(base.neutral) | {"box": base.box, **base.networks}
    meta = {"preset": base.preset.as_dict(), "from": _made_from(folder, expression), "notes": dict(notes)}
    save_tensors(base_path(folder), tensors, meta)


def read_base(folder: Path) -> Base:
    """Read what `write_base` wrote. Raises BadInput where it is not there or not readable."""
    path = base_path(folder)
    if not path.is_file():
        raise BadInput(f"'{folder}' has no neutral head yet; finish it with: mien distill ... -o {folder}")
    tensors, meta = load_tensors(path)
    networks = {k: v for k, v in tensors.items() if k.startswith(NETWORKS)}
    if not all(any(k.startswith(part) for k in networks) for part in NETWORKS) or "box" not in tensors:
        raise BadInput(f"'{path}' lacks the networks or the box; delete it and distil again")
    preset = Preset.from_dict(meta.get("preset") or {})
    return Base(preset, tensors["box"], networks, _planes(path, tensors))


def save_tensors(path: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """`write_tensors` with a description that names this format."""
    write_tensors(path, tensors, {"format": FORMAT, "version": VERSION, **meta})


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `save_tensors` wrote. Raises BadInput where the file is not of this format and version."""
    tensors, meta = read_tensors(path)
    return tensors, _checked(path, meta)


def _checked(path: Path, meta: dict[str, Any]) -> dict[str, Any]:
    if (meta.get("format"), meta.get("version")) != (FORMAT, VERSION):
        raise BadInput(f"'{path}' is not of version {VERSION} of {FORMAT}; {AGAIN}")
    return meta


def _halves(planes: Planes) -> dict[str, Tensor]:
    return {name: value.to(torch.float16) for name, value in planes._asdict().items()}


def _planes(path: Path, tensors: Mapping[str, Tensor]) -> Planes:
    levels = [tensors.get(name) for name in Planes._fields]
    for name, level in zip(Planes._fields, levels, strict=True):
        if level is None or level.ndim != 4 or level.shape[0] != 3 or not level.isfinite().all():
            raise BadInput(f"'{path}' needs finite planes '{name}' [3, C, H, W]; delete it and distil again")
    coarse, fine = (level.float() for level in levels if level is not None)
    return Planes(coarse, fine)
