"""The server as a process of its own, as users start it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import websockets.sync.client as websocket

from tests.commands.calling import LIMIT, MIEN, ROOT


@dataclass
class ServerProcess:
    """A server that runs."""

    process: subprocess.Popen[str]
    port: int
    started: float
    """Seconds of `time.monotonic` just before the process was made."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def avatar(self) -> str:
        """Name of the avatar it serves."""
        with urlopen(f"{self.url}/api/avatars", timeout=LIMIT) as response:
            name: str = json.load(response)["avatars"][0]["name"]
            return name

    def memory(self) -> float:
        """Resident memory, MiB."""
        return self._status("VmRSS") / 1024

    def cpu(self) -> float:
        """Processor seconds used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def first_frame(self) -> float:
        """Seconds from the process's start until its first picture is in a client's hands."""
        while time.monotonic() - self.started < LIMIT:
            try:
                address = f"ws://127.0.0.1:{self.port}/{self.avatar()}/frames"
                with websocket.connect(address, max_size=None, compression=None, proxy=None) as client:
                    while isinstance(client.recv(LIMIT), str):
                        pass
                    return time.monotonic() - self.started
            except OSError:
                time.sleep(0.01)
        raise TimeoutError("the server did not come up")

    def _status(self, field: str) -> int:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(dict(line.split(":", 1) for line in lines)[field].split()[0])


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def open_sessions(url: str) -> int:
    """How many sessions a server has, by its own metrics."""
    with urlopen(f"{url}/metrics", timeout=LIMIT) as response:
        lines = response.read().decode().splitlines()
    return next(int(float(line.split()[-1])) for line in lines if line.startswith('avatar_sessions{state="open"}'))


@contextlib.contextmanager
def server_process(*arguments: str, stub: bool = False, wait: bool = True) -> Iterator[ServerProcess]:
    """`mien serve` with these arguments on a free port, or the one with fake parts; it must end cleanly on Ctrl-C."""
    port = free_port()
    serve = ["-c", MIEN, "serve", *arguments, "--port", str(port)]
    fake = ["-m", "tests.streaming.stub_server", *arguments, str(port)]
    command = [sys.executable, *(fake if stub else serve)]
    started = time.monotonic()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            if wait:
                assert process.stdout is not None
                line = process.stdout.readline()
                assert str(port) in line, f"the server said {line!r}"
            yield ServerProcess(process, port, started)
            process.send_signal(signal.SIGINT)
            assert process.wait(LIMIT) == 0, "the server must end cleanly on Ctrl-C"
        finally:
            process.kill()
