"""What of Mien works on this machine, and what to do about the rest."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.avatar.bank import planes_of
from runtime.avatar.chain import Performer, joined
from runtime.avatar.choose import installed
from runtime.contract.bundle import Bundle, read_bundle
from runtime.contract.drive import DriveState
from runtime.engines import Engine
from runtime.errors import MienError, Unavailable
from runtime.machine import machine, versions

CODECS = (("libvpx", "w"), ("libx264", "w"), ("vp8", "r"), ("h264", "r"))
NEEDED = {"numpy", "mediapipe", "opencv-contrib-python", "av", "aiortc", "aiohttp"}
INSTALL = "pip install -c constraints.txt"
AGREEMENT = 36.0
"""Decibels of PSNR below which a half-precision engine has lost more than rounding."""


@dataclass(frozen=True)
class Check:
    """One thing looked at."""

    name: str
    ok: bool
    says: str
    """What was found, or what to do."""
    needed: bool = True
    """Whether serving needs it."""
    values: Mapping[str, str | float] = field(default_factory=dict)
    """The figures in `says`, for programs."""


def examine(bundle: Path, host: str, port: int) -> list[Check]:
    """Every check, in reading order."""
    checks = [_package(name, found) for name, found in versions().items() if name != "mien"]
    checks += [_codec(name, mode) for name, mode in CODECS]
    checks += [_tracking(), _port(host, port), _datagrams(host)]
    try:
        read = read_bundle(bundle)
    except MienError as error:
        return [*checks, Check("bundle", False, str(error))]
    return [*checks, _bundle(read, bundle.stat().st_size / 1e6), *_engines(read)]


def report(checks: list[Check]) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "machine": machine(),
        "versions": versions(),
        "ok": healthy(checks),
        "checks": [
            {"name": c.name, "ok": c.ok, "needed": c.needed, "says": c.says, "values": dict(c.values)} for c in checks
        ],
    }


def healthy(checks: list[Check]) -> bool:
    """Whether all that serving needs works; of the engines one is enough."""
    engines = [c for c in checks if c.name.startswith("engine ")]
    return all(c.ok for c in checks if c.needed) and any(c.ok for c in engines)


def _package(name: str, found: str | None) -> Check:
    says = found or f"not installed; {INSTALL} {name}"
    return Check(name, found is not None, says, name in NEEDED)


def _bundle(bundle: Bundle, size: float) -> Check:
    manifest = bundle.manifest
    says = f"{manifest.name}: {manifest.subject}, {size:.1f} MB, hashes match; consent: {manifest.consent}"
    values: dict[str, str | float] = {
        "name": manifest.name,
        "subject": manifest.subject,
        "consent": manifest.consent,
        "mb": round(size, 1),
    }
    return Check("bundle", True, says, values=values)


def _codec(name: str, mode: str) -> Check:
    what, needed = f"{name} {'encoder' if mode == 'w' else 'decoder'}", name in ("libvpx", "vp8")
    try:
        import av

        av.Codec(name, mode)  # type: ignore[arg-type]
    except ImportError as error:
        return Check(what, False, f"PyAV does not load ({error}); {INSTALL} av", needed)
    except ValueError:
        return Check(
            what, False, f"not in this build of PyAV; {INSTALL} --force-reinstall --only-binary=:all: av", needed
        )
    return Check(what, True, "there", needed)


def _tracking() -> Check:
    try:
        from runtime.tracking.tracker import FaceTracker

        with FaceTracker() as tracker:
            tracker.track(np.zeros((64, 64, 3), np.uint8), 0.0)
    except (ImportError, RuntimeError, FileNotFoundError) as error:
        return Check("face tracking", False, f"{error}; {INSTALL} --force-reinstall mediapipe")
    return Check("face tracking", True, "MediaPipe's models load")


def _port(host: str, port: int) -> Check:
    try:
        from runtime.core import listening
    except ImportError as error:
        return Check("port", False, f"not tried, as the server does not load ({error}); {INSTALL} -e '.[runtime]'")
    try:
        listening(host, port).close()
    except Unavailable as error:
        return Check("port", False, str(error))
    return Check("port", True, f"{port} on {host} is free")


def _datagrams(host: str) -> Check:
    """WebRTC's media goes over UDP."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as one, socket.socket(family, socket.SOCK_DGRAM) as two:
        one.settimeout(1.0)
        try:
            one.bind((host, 0))
            two.sendto(b"mien", one.getsockname())
            one.recv(16)
        except OSError as error:
            return Check("UDP", False, f"datagrams to {host} do not arrive ({error}); allow UDP in the firewall")
    return Check("UDP", True, f"datagrams to {host} arrive")


def _engines(bundle: Bundle) -> list[Check]:
    """One frame on each engine, timed, and compared with those that are exact."""
    pictures: dict[str, NDArray[np.uint8]] = {}
    exact: set[str] = set()
    checks = []
    for name, engine in installed().items():
        if isinstance(engine, Unavailable):
            checks.append(Check(f"engine {name}", False, str(engine), needed=False))
            continue
        try:
            pictures[name], took = _picture(engine, bundle)
        except (MienError, RuntimeError) as error:
            says = f"{engine.description} cannot run the bundle ({error}); {INSTALL} --force-reinstall {name}"
            checks.append(Check(f"engine {name}", False, says, needed=False))
            continue
        exact |= {name} if engine.exact else set()
        says = f"{engine.description}: {took:.0f} ms a frame"
        checks.append(Check(f"engine {name}", True, says, needed=False, values={"ms": round(took, 1)}))
    pairs = [(name, other) for name in sorted(set(pictures) - exact) for other in sorted(exact)]
    return checks + [_agreement(name, other, pictures[name], pictures[other]) for name, other in pairs]


def _picture(engine: Engine, bundle: Bundle) -> tuple[NDArray[np.uint8], float]:
    """The face at rest, RGBA, and the milliseconds that it took once warm."""
    performer = Performer(joined(engine, bundle), bundle.manifest.latent, planes_of(bundle))
    performer.render(DriveState())
    begun = time.perf_counter()
    picture = performer.render(DriveState()).rgba.copy()
    return picture, 1000 * (time.perf_counter() - begun)


def _agreement(name: str, exact: str, picture: NDArray[np.uint8], reference: NDArray[np.uint8]) -> Check:
    error = float(np.mean((picture.astype(np.float64) - reference) ** 2))
    decibels = 10 * float(np.log10(255**2 / max(error, 1e-6)))
    ok, says = decibels > AGREEMENT, f"{decibels:.1f} dB between {name} and {exact}"
    if not ok:
        says += f"; serve with --engine {exact}"
    return Check("engines agree", ok, says, needed=False, values={"db": round(decibels, 1)})
