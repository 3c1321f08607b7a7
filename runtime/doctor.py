"""What of Mien works on this machine, and what to do about the rest."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runtime.contract.bundle import Bundle, read_bundle
from runtime.contract.drive import DriveState
from runtime.engines.chain import Performer, joined
from runtime.engines.choose import installed
from runtime.errors import MienError, Unavailable
from runtime.machine import machine, versions

CODECS = (("libvpx", "w"), ("libx264", "w"), ("vp8", "r"), ("h264", "r"))
NEEDED = {"numpy", "mediapipe", "opencv-contrib-python", "av", "aiortc", "aiohttp"}


@dataclass(frozen=True)
class Check:
    """One thing looked at."""

    name: str
    ok: bool
    says: str
    """What was found, or what to do."""
    needed: bool = True
    """Whether serving needs it."""


def examine(bundle: Path, host: str, port: int) -> list[Check]:
    """Every check, in reading order."""
    checks = [_package(name, found) for name, found in versions().items() if name != "mien"]
    checks += [_codec(name, mode) for name, mode in CODECS]
    checks += [_tracking(), _port(host, port), _datagrams(host)]
    try:
        read = read_bundle(bundle)
    except MienError as error:
        return [*checks, Check("bundle", False, str(error))]
    manifest = read.manifest
    size = bundle.stat().st_size / 1e6
    says = f"{manifest.name}: {manifest.subject}, {size:.1f} MB, hashes match; consent: {manifest.consent}"
    return [*checks, Check("bundle", True, says), *_engines(read)]


def report(checks: list[Check]) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "machine": machine(),
        "versions": versions(),
        "ok": healthy(checks),
        "checks": [{"name": c.name, "ok": c.ok, "needed": c.needed, "says": c.says} for c in checks],
    }


def healthy(checks: list[Check]) -> bool:
    """Whether all that serving needs works; of the engines one is enough."""
    engines = [c for c in checks if c.name.startswith("engine ")]
    return all(c.ok for c in checks if c.needed) and any(c.ok for c in engines)


def _package(name: str, found: str | None) -> Check:
    says = found or f"not installed; pip install -c constraints.txt {name}"
    return Check(name, found is not None, says, name in NEEDED)


def _codec(name: str, mode: str) -> Check:
    import av

    kind = "encoder" if mode == "w" else "decoder"
    try:
        av.Codec(name, mode)  # type: ignore[arg-type]
    except ValueError:
        return Check(f"{name} {kind}", False, "not in this build of PyAV; install its wheel", name in ("libvpx", "vp8"))
    return Check(f"{name} {kind}", True, "there", name in ("libvpx", "vp8"))


def _tracking() -> Check:
    from runtime.tracking.tracker import FaceTracker

    try:
        with FaceTracker() as tracker:
            tracker.track(np.zeros((64, 64, 3), np.uint8), 0.0)
    except (ImportError, RuntimeError, FileNotFoundError) as error:
        return Check("face tracking", False, f"{error}; pip install -c constraints.txt mediapipe==0.10.21")
    return Check("face tracking", True, "MediaPipe's models load")


def _port(host: str, port: int) -> Check:
    from runtime.core import listening

    try:
        listening(host, port).close()
    except Unavailable as error:
        return Check("port", False, str(error))
    return Check("port", True, f"{port} on {host} is free")


def _datagrams(host: str) -> Check:
    """WebRTC's media goes over UDP."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        try:
            one.bind((host, 0))
            two.settimeout(1.0)
            two.sendto(b"mien", one.getsockname())
            one.settimeout(1.0)
            one.recv(16)
        except OSError as error:
            return Check("UDP", False, f"datagrams to {host} do not arrive ({error}); allow UDP in the firewall")
    return Check("UDP", True, f"datagrams to {host} arrive")


def _engines(bundle: Bundle) -> list[Check]:
    """One frame on each engine, timed, and compared with the first exact one."""
    pictures: dict[str, np.ndarray] = {}
    checks = []
    engines = installed()
    exact = {name for name, engine in engines.items() if not isinstance(engine, Unavailable) and engine.exact}
    for name, engine in engines.items():
        if isinstance(engine, Unavailable):
            checks.append(Check(f"engine {name}", False, str(engine), needed=False))
            continue
        performer = Performer(joined(engine, bundle), bundle.manifest.latent)
        performer.render(DriveState())
        begun = time.perf_counter()
        pictures[name] = performer.render(DriveState()).rgba.copy()
        took = 1000 * (time.perf_counter() - begun)
        checks.append(Check(f"engine {name}", True, f"{engine.description}: {took:.0f} ms a frame", needed=False))
    for name in sorted(set(pictures) - exact):
        for other in sorted(exact & set(pictures)):
            error = np.mean((pictures[name].astype(np.float64) - pictures[other]) ** 2)
            decibels = 10 * np.log10(255**2 / max(float(error), 1e-6))
            says = f"{decibels:.1f} dB between {name} and {other}"
            checks.append(Check("engines agree", bool(decibels > 36), says, needed=False))
    return checks
