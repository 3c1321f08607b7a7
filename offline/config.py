"""Frozen dataclasses from plain mappings, strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar, get_origin, get_type_hints

from runtime.errors import BadInput
from runtime.naming import unknown

T = TypeVar("T")


def from_mapping(cls: type[T], values: Mapping[str, Any]) -> T:
    """Build the dataclass `cls`; lists become tuples where it wants tuples.

    Raises BadInput on an unknown key (naming the nearest known one) and on a value of another type.
    """
    hints = get_type_hints(cls)
    known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
    built: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise BadInput(unknown(f"key in {cls.__name__}", key, known))
        wanted = get_origin(hints[key]) or hints[key]
        if wanted is tuple and isinstance(value, list):
            value = tuple(value)
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if isinstance(wanted, type) and not isinstance(value, wanted):
            raise BadInput(f"'{key}' in {cls.__name__} must be {wanted.__name__}, got {value!r}")
        built[key] = value
    return cls(**built)
