"""The server's settings: command line over environment over file over defaults."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from runtime.documents import TooLarge, read_bounded, read_document
from runtime.errors import BadInput
from runtime.naming import shown, unknown

PREFIX = "MIEN_"
MAX_BYTES = 64 * 1024
DEFAULT_FILE = Path(__file__).parent / "assets" / "serve.yaml"
"""All settings with their defaults and a word on each; a test holds it to `ServerConfig`."""


@dataclass(frozen=True)
class ServerConfig:
    """Settings of `mien serve`; `assets/serve.yaml` says what each is for."""

    host: str = "127.0.0.1"
    port: int = 8080
    fps: float = 30.0
    engine: str = "auto"
    max_sessions: int = 4
    bitrate: int = 1_500_000
    background: str = "#f4f2ee"
    watermark: bool = True
    token: str | None = None
    open: bool = False
    allow_host: tuple[str, ...] = ()
    allow_origin: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    log_level: str = "warning"

    def __post_init__(self) -> None:
        _check(1 <= self.port <= 65535, f"port must be 1 to 65535, got {self.port}")
        _check(1.0 <= self.fps <= 120.0, f"fps must be 1 to 120, got {self.fps:g}")
        _check(1 <= self.max_sessions <= 1000, f"max_sessions must be 1 to 1000, got {self.max_sessions}")
        _check(100_000 <= self.bitrate <= 20_000_000, f"bitrate must be 100000 to 20000000, got {self.bitrate}")
        _check(self.log_level in LEVELS, f"log_level must be one of {', '.join(LEVELS)}, got '{self.log_level}'")
        _check(self.host == "localhost" or _is(ip_address, self.host), f"host must be an address, got '{self.host}'")
        for name in self.allow_host:
            _check(NAME.fullmatch(name) is not None, f"allow_host takes names such as mien.example, got '{name}'")
        for network in self.trusted_proxies:
            _check(_is(ip_network, network), f"trusted_proxies takes addresses or networks, got '{network}'")
        _check(self.token is None or self.token.strip() != "", "the token is empty; give one that nobody can guess")
        _check(
            self.loopback or self.open or self.token is not None,
            f"{self.host} lets the whole network in; set a token with --token, or say --open to let in whoever comes",
        )

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return self.host == "localhost" or ip_address(self.host).is_loopback

    def shown(self) -> dict[str, Any]:
        """The settings in effect, the token masked."""
        return dataclasses.asdict(self) | {"token": "***" if self.token else None}


SWITCH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
LIKELY = 0.75
"""How alike an unknown variable of the environment and a setting are where the one was meant to be the other."""
NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|[0-9a-fA-F:.]+")
LEVELS = ("debug", "info", "warning", "error")
FIELDS = {field.name: field for field in dataclasses.fields(ServerConfig)}


def load(arguments: Mapping[str, Any], environment: Mapping[str, str], file: Path | None = None) -> ServerConfig:
    """The settings in effect; None among `arguments` means not given.

    Raises BadInput, naming key and place, for an unknown key or a value that cannot be.
    """
    values: dict[str, Any] = {}
    if file is not None:
        values |= {key: _converted(key, value, str(file)) for key, value in _read(file).items()}
    for name, text in environment.items():
        key = name.removeprefix(PREFIX).lower()
        if name.startswith(PREFIX) and key in FIELDS:
            values[key] = _converted(key, text, name)
        elif name.startswith(PREFIX) and get_close_matches(key, FIELDS, n=1, cutoff=LIKELY):
            raise BadInput(f"the environment's {name}: {unknown('key', key, FIELDS)}")
    values |= {key: _converted(key, value, f"--{key}") for key, value in arguments.items() if value is not None}
    return ServerConfig(**values)


def _read(file: Path) -> dict[str, Any]:
    try:
        content = read_document(read_bounded(file, MAX_BYTES).decode("utf-8-sig"), str(file))
    except OSError as error:
        raise BadInput(f"cannot read the config file {file}: {error.strerror}") from None
    except TooLarge:
        raise BadInput(f"{file} is larger than {MAX_BYTES // 1024} KiB; a file of settings is much smaller") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{file} is not UTF-8 text ({error.reason}); save it as UTF-8 YAML") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise BadInput(f"{file} must hold 'key: value' lines")
    for key in content:
        if key not in FIELDS:
            raise BadInput(f"{file}: {unknown('key', str(key), FIELDS)}")
    return content


def _converted(key: str, value: Any, place: str) -> Any:
    """`value` as the type of the field `key`; texts are read as numbers and lists where those are due."""
    default = FIELDS[key].default
    try:
        if isinstance(default, tuple):
            items = value.split(",") if isinstance(value, str) else value
            return tuple(str(item).strip() for item in items)
        if isinstance(default, bool):
            return value if isinstance(value, bool) else SWITCH[str(value).lower()]
        if isinstance(default, int | float):
            number = float(value)
            if isinstance(value, bool) or not math.isfinite(number) or (isinstance(default, int) and number % 1):
                raise ValueError
            return type(default)(number)
    except (TypeError, ValueError, KeyError):
        raise BadInput(f"{place}: '{key}' cannot be {shown(value)}") from None
    if value is not None and not isinstance(value, str):
        raise BadInput(f"{place}: '{key}' must be a text, got {shown(value)}")
    return value


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise BadInput(message)


def _is(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True
