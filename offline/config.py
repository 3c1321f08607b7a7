"""Settings: frozen dataclasses whose fields say their range, from plain mappings and from the command line.

A field's type says what a value may be, `Annotated` its range, and the string under it what it means:

    batch: Count = 4
    \"\"\"Frames a step.\"\"\"

`checked` in a class's ``__post_init__`` keeps the ranges, `from_mapping` builds one from JSON, `add_setting_arguments`
gives a command ``--set KEY=VALUE`` and ``--help-settings``, `setting_values` and `with_settings` apply what was given.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import math
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from runtime.errors import BadInput
from runtime.naming import shown, unknown

T = TypeVar("T")


@dataclass(frozen=True)
class Within:
    """The range of a number, or of each number of a tuple."""

    least: float = -math.inf
    most: float = math.inf
    above: bool = False
    """Whether `least` itself is left out."""

    def __contains__(self, value: float) -> bool:
        return math.isfinite(value) and self.least <= value <= self.most and not (self.above and value == self.least)

    def __str__(self) -> str:
        if self.most < math.inf:
            return f"{'more than ' if self.above else ''}{self.least:g} to {self.most:g}"
        return f"more than {self.least:g}" if self.above else f"at least {self.least:g}"


@dataclass(frozen=True)
class OneOf:
    """The words that a text may be."""

    known: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join(self.known)


class Fixed:
    """Marks a field that follows from others or names the whole: `--set` does not change it."""


Count = Annotated[int, Within(1)]
Whole = Annotated[int, Within(0)]
Positive = Annotated[float, Within(0, above=True)]
NotNegative = Annotated[float, Within(0)]
Share = Annotated[float, Within(0, 1)]

_KINDS = {int: "whole number", float: "number", bool: "yes or no", str: "text"}
_YES, _NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")


def from_mapping(cls: type[T], values: Mapping[str, Any]) -> T:
    """Build the dataclass `cls`; lists become tuples where it wants tuples, at every depth.

    Raises BadInput on an unknown key (naming the nearest known one) and on a value of another type.
    """
    hints = get_type_hints(cls, include_extras=True)
    known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            raise BadInput(unknown(f"key in {cls.__name__}", key, known))
    return cls(**{key: _of_type(value, hints[key], f"'{key}' in {cls.__name__}") for key, value in values.items()})


def checked(settings: Any) -> None:
    """For ``__post_init__``: raises BadInput where a number is out of its range, or a text none of the known words."""
    hints = get_type_hints(type(settings), include_extras=True)
    for name, hint in hints.items():
        for rule in _rules(hint):
            for value in _leaves(getattr(settings, name)):
                if isinstance(rule, Within) and value not in rule:
                    raise BadInput(f"'{name}' must be {rule}, got {setting_text(value)}")
                if isinstance(rule, OneOf) and value not in rule.known:
                    raise BadInput(unknown(f"value of '{name}'", value, rule.known))


def add_setting_arguments(
    parser: argparse.ArgumentParser, bases: Callable[[argparse.Namespace], Sequence[Any]], when: str = ""
) -> None:
    """Adds ``--set KEY=VALUE`` (a list, `args.set`) and ``--help-settings``, which lists the settings of `bases(args)`
    with their values there and ends the command; options that choose a preset count when they are given before it.
    `when` begins the help."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help=f"{when}change one setting of the preset (repeatable); --help-settings lists them",
    )  # fmt: skip

    class HelpSettings(argparse.Action):
        def __call__(self, parser: argparse.ArgumentParser, args: argparse.Namespace, *_: object) -> None:
            sys.stdout.write(help_settings(*bases(args)))
            parser.exit()

    parser.add_argument(
        "--help-settings", action=HelpSettings, nargs=0, help="list what --set changes, with its values, and exit"
    )


def setting_values(given: Sequence[str], *bases: Any) -> dict[str, Any]:
    """The texts ``KEY=VALUE`` as values for the fields of `bases`, dataclass instances; a later one counts.

    Raises BadInput on an unknown key, naming the nearest, and on what is no value of its type; `with_settings` checks
    the ranges.
    """
    hints = {name: hint for base in bases for name, hint in _settable(base)}
    values = {}
    for text in given:
        key, equals, value = text.partition("=")
        key = key.strip().replace("-", "_")
        if not equals:
            raise BadInput(f"--set wants KEY=VALUE, got '{text}'")
        if key not in hints:
            raise BadInput(unknown("setting", key, hints) + " (--help-settings lists all)")
        try:
            values[key] = _parsed(value.strip(), hints[key])
        except ValueError:
            raise BadInput(
                f"--set {key}: '{value.strip()}' is not a value; it takes {_described(hints[key])}"
            ) from None
    return values


def with_settings(base: T, values: Mapping[str, Any]) -> T:
    """`base` with those of `values` that are fields of its. Raises BadInput where one is out of its range."""
    names = {f.name for f in fields(base)}  # type: ignore[arg-type]
    return replace(base, **{key: value for key, value in values.items() if key in names})  # type: ignore[type-var]


def help_settings(*bases: Any) -> str:
    """Each setting of `bases`: its name and value there, as `--set` takes them, its type and range, and its meaning."""
    lines = []
    for base in bases:
        meanings = field_meanings(type(base))
        summary = (inspect.getdoc(type(base)) or type(base).__name__).split("\n\n")[0]
        lines += [*textwrap.wrap(summary, 110), ""]
        for name, hint in _settable(base):
            lines.append(f"  {name}={setting_text(getattr(base, name))}  ({_described(hint)})")
            lines += textwrap.wrap(meanings[name], 110, initial_indent=" " * 6, subsequent_indent=" " * 6)
        lines.append("")
    return "\n".join(lines)


def field_meanings(cls: type) -> dict[str, str]:
    """The string under each field in the source of a dataclass, on one line; "" where there is none."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(body, ast.ClassDef)
    meanings = {f.name: "" for f in fields(cls)}
    for field, under in zip(body.body, [*body.body[1:], None], strict=True):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(under, ast.Expr) and isinstance(under.value, ast.Constant):
            meanings[field.target.id] = " ".join(str(under.value.value).split())
    return meanings


def _settable(base: Any) -> Iterator[tuple[str, Any]]:
    hints = get_type_hints(type(base), include_extras=True)
    for field in fields(base):
        if Fixed not in _rules(hints[field.name]):
            yield field.name, hints[field.name]


def _rules(hint: Any) -> tuple[Any, ...]:
    """What stands beside the type in `Annotated`."""
    return get_args(hint)[1:] if get_origin(hint) is Annotated else ()


def _plain(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        for each in value:
            yield from _leaves(each)
    else:
        yield value


def _items(hint: Any, count: int) -> list[Any]:
    """The types of the `count` items of a tuple type. Raises ValueError where it has another number of them."""
    inner = get_args(hint)
    if inner[-1] is ...:
        return [inner[0]] * count
    if len(inner) != count:
        raise ValueError(f"{count} values for {len(inner)}")
    return list(inner)


def _of_type(value: Any, hint: Any, where: str) -> Any:
    hint = _plain(hint)
    kind = get_origin(hint) or hint
    if kind is tuple and isinstance(value, list | tuple):
        try:
            items = _items(hint, len(value))
        except ValueError as error:
            raise BadInput(f"{where} has {error}") from None
        return tuple(_of_type(each, item, where) for each, item in zip(value, items, strict=True))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    wrong = isinstance(value, bool) and kind in (int, float)
    if isinstance(kind, type) and (wrong or not isinstance(value, kind)):
        raise BadInput(f"{where} must be {kind.__name__}, got {shown(value)}")
    return value


def _parsed(text: str, hint: Any, separator: str = ",") -> Any:
    """A value as `setting_text` writes it. Raises ValueError."""
    hint = _plain(hint)
    if get_origin(hint) is tuple:
        parts = [part.strip() for part in text.split(separator)] if text else []
        return tuple(_parsed(part, item, ":") for part, item in zip(parts, _items(hint, len(parts)), strict=True))
    if hint is bool:
        if text.lower() not in _YES + _NO:
            raise ValueError(text)
        return text.lower() in _YES
    return hint(text)


def setting_text(value: Any, separator: str = ",") -> str:
    """A value as `--set` takes it."""
    if isinstance(value, tuple):
        return separator.join(setting_text(each, ":") for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _described(hint: Any) -> str:
    """Type and range in words."""
    plain, rules = _plain(hint), [str(rule) for rule in _rules(hint)]
    if get_origin(plain) is tuple:
        inner = _plain(get_args(plain)[0])
        pairs = get_origin(inner) is tuple
        kind = f"{_KINDS[get_args(inner)[0] if pairs else inner]}s, as A{':B' if pairs else ''},…"
    else:
        kind = _KINDS[plain]
    return ", ".join([kind, *rules]) if not any(isinstance(r, OneOf) for r in _rules(hint)) else rules[0]
