"""YAML and JSON from outside as plain values, with bounds on everything that a writer could make large."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from runtime.errors import BadInput

MAX_NODES = 20_000
"""Values and keys in a document."""
MAX_DEPTH = 16
"""Lists and mappings within each other."""
MAX_TEXT = 2_000
"""Letters of one text."""
MAX_NUMBER = 40
"""Letters of a number; more are read as a text."""

_NUMBER = {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}
_NULL, _BOOL = "tag:yaml.org,2002:null", "tag:yaml.org,2002:bool"


class _Loader(yaml.SafeLoader if not yaml.__with_libyaml__ else yaml.CSafeLoader):  # type: ignore[misc]
    """libyaml where it is there: ten times as fast. Neither is asked to build anything but a scalar."""


class TooLarge(ValueError):
    """A file with more bytes than its kind ever has."""


def read_bounded(path: Path, most: int) -> bytes:
    """A file's bytes, `most` at most; raises TooLarge, having read no more, or what opening it raises."""
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise TooLarge(f"it is larger than {most // 1024} KiB")
    return data


def read_document(text: str, name: str) -> Any:
    """The document's mappings, lists, texts, numbers, booleans and None; an empty one is None.

    A date is a text. Keys are texts; the last of two equal ones counts, as in JSON. Raises BadInput, naming `name` and
    the line, where the text is not YAML, has an alias (which multiplies what it stands for), a tag or a second
    document, or is beyond a bound above.
    """
    try:
        loader = _Loader(text)
        try:
            return _built(loader, name)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadInput(f"{name}, line {line}: not valid YAML or JSON ({error.problem or 'unreadable'}).") from error
    except (yaml.YAMLError, ValueError) as error:
        raise BadInput(f"{name}: not valid YAML or JSON; look for stray characters.") from error


def _built(loader: Any, name: str) -> Any:
    documents: list[Any] = []
    inside: list[tuple[Any, list[str]]] = []
    """The open lists and mappings, outermost first, each with its key that waits for a value, if it has one."""
    nodes = 0
    while loader.check_event():
        event = loader.get_event()
        where = f"{name}, line {event.start_mark.line + 1 if event.start_mark else 1}"
        if isinstance(event, yaml.CollectionEndEvent):
            inside.pop()
        if isinstance(event, yaml.AliasEvent):
            raise BadInput(f"{where}: aliases ('*{(event.anchor or '')[:20]}') are not read; write the values out.")
        if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            continue
        nodes += 1
        if nodes > MAX_NODES:
            raise BadInput(f"{where}: more than {MAX_NODES} values; split the file.")
        if event.tag not in (None, "!"):
            raise BadInput(f"{where}: not valid YAML or JSON (tags such as '{event.tag[:30]}' are not read).")
        value = _scalar(loader, event, where) if isinstance(event, yaml.ScalarEvent) else _container(event)
        if not inside:
            documents.append(value)
        else:
            _put(inside[-1], value, where)
        if not isinstance(event, yaml.ScalarEvent):
            inside.append((value, []))
            if len(inside) > MAX_DEPTH:
                raise BadInput(f"{where}: nested too deeply; at most {MAX_DEPTH} levels are read.")
    if len(documents) > 1:
        raise BadInput(f"{name}: holds several documents; a file may hold one.")
    return documents[0] if documents else None


def _container(event: yaml.NodeEvent) -> Any:
    return {} if isinstance(event, yaml.MappingStartEvent) else []


def _put(open_one: tuple[Any, list[str]], value: Any, where: str) -> None:
    container, waiting = open_one
    if isinstance(container, list):
        container.append(value)
    elif waiting:
        container[waiting.pop()] = value
    elif isinstance(value, dict | list):
        raise BadInput(f"{where}: not valid YAML or JSON (a key must be a word).")
    else:
        waiting.append(str(value))


def _scalar(loader: Any, event: yaml.ScalarEvent, where: str) -> Any:
    text: str = event.value
    if len(text) > MAX_TEXT:
        raise BadInput(f"{where}: a text of {len(text)} letters; at most {MAX_TEXT} are read.")
    if not event.implicit[0]:
        return text  # quoted
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    if tag == _NULL:
        return None
    if tag == _BOOL:
        return loader.bool_values[text.lower()]
    if tag in _NUMBER and len(text) <= MAX_NUMBER:
        return loader.construct_object(yaml.ScalarNode(tag, text))
    return text
