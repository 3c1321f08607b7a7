"""Mien contacts nobody, and needs neither a home folder nor a known user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from runtime.telemetry import SWITCHES
from tests.commands.calling import MIEN, ROOT

WATCH = str(Path(__file__).with_name("contacts.py"))
STOPS = """
import os, signal, sys, threading
class Out:
    def write(self, text):
        sys.__stdout__.write(text)
        if "Mien is at" in text:
            threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    def flush(self): sys.__stdout__.flush()
sys.stdout = Out()
"""
"""Ends a server a second after it says its address."""
TWO = """
import os, tempfile
from runtime.commands.main import main
with tempfile.TemporaryDirectory() as folder:
    assert main(["render", "--prompt", "blink", "--fps", "2", "-o", os.path.join(folder, "out.mp4")]) == 0
raise SystemExit(main())
"""
LOADS = """
import runtime.telemetry
from importlib.metadata import entry_points
for entry in entry_points(group="mien.commands"):
    entry.load()
import openvino, onnxruntime, diffusers, transformers, huggingface_hub, torch
assert huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY
"""


def _permitted(*options: str) -> bool:
    try:
        return subprocess.run(["unshare", *options, "ip", "link"], capture_output=True).returncode == 0
    except OSError:
        return False


def _watched(code: str, arguments: Sequence[str], home: Path) -> dict[str, object]:
    """What became of Python code with these arguments, and whom it tried to reach."""
    command = ["unshare", "--map-root-user", "--net", sys.executable, WATCH, sys.executable, "-c", code, *arguments]
    environment = {key: value for key, value in os.environ.items() if key not in (*SWITCHES, "CI")}
    done = subprocess.run(
        command, cwd=ROOT, env=environment | {"HOME": str(home)}, capture_output=True, text=True, timeout=240
    )
    return dict(json.loads(done.stdout))


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (TWO, ("doctor", "--json", "--port", "18471")),
        (STOPS + MIEN, ("demo", "--port", "18471")),
        (LOADS, ()),
    ],
    ids=["render and doctor", "demo", "every package"],
)
def test_contacts_nobody(code: str, arguments: tuple[str, ...], tmp_path: Path) -> None:
    if not _permitted("--map-root-user", "--net"):
        pytest.skip("needs a network namespace and `ip`, which are not permitted here")
    home = tmp_path / "home"
    home.mkdir()
    ran = _watched(code, arguments, home)
    assert ran["status"] == 0, ran["said"]
    assert ran["contacts"] == []
    kept = {path.relative_to(home).parts[:2] for path in home.rglob("*") if path.is_file()}
    assert all("matplotlib" in parts for parts in kept), "identifiers in the home folder"


def test_a_look_up_is_seen(tmp_path: Path) -> None:
    if not _permitted("--map-root-user", "--net"):
        pytest.skip("needs a network namespace and `ip`, which are not permitted here")
    reaching = (
        "import socket\n"
        "for address in (('mien.example', 80), ('192.0.2.1', 443)):\n"
        "    try: socket.create_connection(address, 3)\n"
        "    except OSError: pass\n"
    )
    contacts = _watched(reaching, (), tmp_path)["contacts"]
    assert isinstance(contacts, list)
    assert "192.0.2.1 port 443" in contacts and any("look-up of mien.example" in contact for contact in contacts)


def test_works_without_a_home_and_as_an_unknown_user(tmp_path: Path) -> None:
    nobody = ("--user", "--map-user=54321", "--map-group=54321")
    if not _permitted(*nobody):
        pytest.skip("needs a user namespace, which is not permitted here")
    environment = {
        key: value for key, value in os.environ.items() if key not in ("HOME", "USER", "LOGNAME", "USERNAME")
    }
    out = tmp_path / "out.mp4"
    done = subprocess.run(
        ["unshare", *nobody, sys.executable, "-c", MIEN, "render", "--prompt", "blink", "--fps", "2", "-o", str(out)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert out.stat().st_size > 0
