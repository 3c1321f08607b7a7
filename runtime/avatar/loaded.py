"""An avatar ready to perform: a bundle on an engine."""

from __future__ import annotations

from pathlib import Path

from runtime.avatar.chain import Performer
from runtime.avatar.choose import choose
from runtime.contract.bank import BankExpression
from runtime.contract.bundle import Bundle, Manifest, read_bundle


class LoadedAvatar:
    """The weights, loaded once and shared by all sessions. Safe to use from any thread."""

    def __init__(self, bundle: Bundle, engine: str = "auto") -> None:
        chosen = choose(engine, bundle)
        self.manifest: Manifest = bundle.manifest
        self.thumbnail: bytes = bundle.files["thumbnail.png"]
        self.engine_name: str = chosen.engine.name
        self.engine: str = chosen.reason
        """Which engine runs it and why."""
        self._graph, self._bank = chosen.graph, chosen.bank

    @classmethod
    def load(cls, path: Path, engine: str = "auto") -> LoadedAvatar:
        """Read, check and load a bundle. Raises BundleError, BadInput or Unavailable with one clear sentence."""
        return cls(read_bundle(path), engine)

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def size(self) -> int:
        """Width and height of its pictures, pixels."""
        return self.manifest.picture

    @property
    def bank(self) -> tuple[BankExpression, ...]:
        """The expressions of its own."""
        return self.manifest.bank

    def new_renderer(self) -> Performer:
        """A way to render this avatar, with buffers of its own."""
        return Performer(self._graph, self.manifest.latent, self._bank)
