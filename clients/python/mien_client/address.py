"""Where a server is, from the address that a browser would open, and whether a proxy stands before it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlencode, urlsplit
from urllib.request import proxy_bypass


@dataclass(frozen=True)
class Address:
    """A server's address, taken apart."""

    secure: bool
    host: str
    port: int | None
    path: str
    """Where the server is mounted, "" or "/prefix", without a slash at its end."""
    avatar: str | None
    """The avatar that the address names, as ?avatar=."""
    token: str | None
    """The token that the address carries, as #token= or ?token=."""

    @property
    def direct(self) -> bool:
        """Whether no proxy may be asked: the server is this machine, or `no_proxy` names it."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return bool(proxy_bypass(self._netloc))

    def http(self, *parts: str) -> str:
        """The URL of a path below the server's, each part escaped."""
        return f"http{'s' * self.secure}://{self._below(parts)}"

    def websocket(self, *parts: str, **query: str) -> str:
        """The websocket URL of a path below the server's."""
        return f"ws{'s' * self.secure}://{self._below(parts)}?{urlencode(query)}"

    @property
    def _netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def _below(self, parts: tuple[str, ...]) -> str:
        return "/".join((self._netloc + self.path, *(quote(part, safe="") for part in parts)))


def parse_address(url: str) -> Address:
    """An http or https address, such as that of the avatar's page. Raises ValueError, saying how it must look."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"the address must begin with http:// or https://, got '{url}'")
    if not parts.hostname:
        raise ValueError(f"the address must name a host, as in http://127.0.0.1:8080, got '{url}'")
    query, fragment = parse_qs(parts.query), parse_qs(parts.fragment)
    token = fragment.get("token") or query.get("token")
    avatar = query.get("avatar")
    return Address(
        parts.scheme == "https", parts.hostname, parts.port, parts.path.rstrip("/"),
        avatar[0] if avatar else None, token[0] if token else None,
    )  # fmt: skip
