"""The list of expressions that a bank is made of, as a YAML file.

    expressions:
      - name: tongue out                  # short and unique; also what a live prompt says
        prompt: a person sticking the tongue straight out      # the sentence given to the 2D prior
        coefficients: {jawOpen: 0.55}     # ARKit names, 0..1, the subject's left and right
        drive: tongueOut                  # optional: the coefficient that plays it live
        hold: 2.0                         # optional: seconds for which a live prompt shows it

Unknown keys are errors that name the nearest known one. An expression named "neutral" is the face at rest: an avatar
from one picture needs it, and an avatar that was trained on a video has its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from runtime.contract.bank import BankExpression
from runtime.contract.drive import BANK, Array, coefficients
from runtime.documents import TooLarge, read_bounded, read_document
from runtime.errors import BadInput
from runtime.naming import shown, unknown

NEUTRAL = "neutral"
LISTS = Path(__file__).with_name("lists")
MOST = BANK
"""Expressions beside the neutral one that a bundle has room for."""
MAX_BYTES = 64 * 1024
_KEYS = tuple(f.name for f in fields(BankExpression))


@dataclass(frozen=True)
class DistilledExpression(BankExpression):
    """One head to distil, with the limits of what a bundle can say of it. Raises BadInput where a value cannot be."""

    def __post_init__(self) -> None:
        try:
            super().__post_init__()
        except ValueError as error:
            raise BadInput(str(error)) from error

    @property
    def slug(self) -> str:
        """The name as a file's name: lower case, hyphens for spaces."""
        return re.sub(r"[ -]+", "-", self.name.lower()).strip("-")

    @property
    def vector(self) -> Array:
        """The coefficients as an expression vector [52]."""
        return coefficients(self.coefficients)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"coefficients": dict(self.coefficients)}

    @classmethod
    def from_dict(cls, values: object) -> DistilledExpression:
        """Raises BadInput, naming the nearest known key, on an unknown one."""
        if not isinstance(values, Mapping):
            raise BadInput(f"an expression is a mapping with {', '.join(_KEYS)}, got {shown(values)}")
        for key in values:
            if key not in _KEYS:
                raise BadInput(unknown("key in an expression", str(key), _KEYS))
        for key in ("name", "prompt"):
            if not isinstance(values.get(key), str):
                raise BadInput(f"expression {shown(values.get('name', ''))} needs the text '{key}'")
        name, given = values["name"], values.get("coefficients") or {}
        if not isinstance(given, Mapping):
            raise BadInput(f"'{name}': coefficients are a mapping such as {{jawOpen: 0.5}}, got {shown(given)}")
        return cls(name, values["prompt"], dict(given), values.get("drive"), values.get("hold", cls.hold))


def load_expressions(path: Path) -> list[DistilledExpression]:
    """Read an expression file. Raises BadInput, naming file and place, where it cannot be used."""
    try:
        document = read_document(read_bounded(path, MAX_BYTES).decode("utf-8-sig"), f"'{path}'")
    except OSError as error:
        raise BadInput(f"cannot read the expressions '{path}': {error.strerror or error}") from error
    except TooLarge:
        raise BadInput(
            f"'{path}' is larger than {MAX_BYTES // 1024} KiB; a list of expressions is much smaller"
        ) from None
    except UnicodeDecodeError as error:
        raise BadInput(f"'{path}' is not UTF-8 text; save it as UTF-8 YAML") from error
    try:
        return _of_document(document)
    except BadInput as error:
        raise BadInput(f"'{path}': {error}") from error


def shipped(name: str) -> list[DistilledExpression]:
    """A list that comes with Mien: "extremes" for a trained avatar, "alone" for an avatar from one picture."""
    return load_expressions(LISTS / f"{name}.yaml")


def check_list(expressions: Sequence[DistilledExpression]) -> None:
    """Raises BadInput where names, their slugs or drives come twice, or where there are too many expressions."""
    if not expressions:
        raise BadInput("the list of expressions is empty; write at least one")
    for kind, values in (
        ("name", [e.slug for e in expressions]),
        ("drive", [e.drive for e in expressions if e.drive]),
    ):
        twice = {value for value in values if values.count(value) > 1}
        if twice:
            raise BadInput(f"the {kind} '{min(twice)}' comes twice; expressions need different ones")
    beside = sum(e.name != NEUTRAL for e in expressions)
    if beside > MOST:
        raise BadInput(f"{beside} expressions are too many; a bank has room for {MOST} beside the neutral one")


def _of_document(document: object) -> list[DistilledExpression]:
    if not isinstance(document, Mapping) or not isinstance(document.get("expressions", []), list):
        raise BadInput("it must be a mapping with the list 'expressions'")
    for key in document:
        if key != "expressions":
            raise BadInput(unknown("key", str(key), ["expressions"]))
    expressions = [DistilledExpression.from_dict(values) for values in document.get("expressions", [])]
    check_list(expressions)
    return expressions
