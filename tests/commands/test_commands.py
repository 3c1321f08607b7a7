"""The dispatcher, and what the commands share."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.request import urlopen

import pytest

from runtime.commands import main as cli
from runtime.commands import serve_cli
from runtime.commands.demo import DEMO, DEMOS
from runtime.contract.bundle import Bundle, read_bundle
from runtime.errors import BadInput, MienError, Unavailable
from tests.avatar.banked_avatar import BANKED
from tests.commands.calling import LIMIT, MIEN, ROOT, start
from tests.end_to_end.process import free_port
from tests.streaming.fakes import FakeAvatar


def test_the_dispatcher_names_the_nearest_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serv"]) == 2
    assert "did you mean 'serve'?" in capsys.readouterr().err
    assert cli.main([]) == 2 and cli.main(["--help"]) == 0


def test_an_error_is_one_line_and_a_status(capsys: pytest.CaptureFixture[str]) -> None:
    status = cli.main(["render", "--prompt", "smile", "-o", "a.mp4", "--bundle", "none.mien"])
    error = capsys.readouterr().err
    assert status == 2 and error.startswith("mien render: there is no bundle") and error.count("\n") == 1


def test_every_error_class_has_its_own_status() -> None:
    assert (MienError.code, BadInput.code, Unavailable.code) == (1, 2, 3)


@pytest.mark.parametrize("bundle", DEMOS, ids=lambda b: b.stem)
def test_the_demo_bundles_are_small_and_synthetic(bundle: Path) -> None:
    manifest = read_bundle(bundle).manifest
    assert bundle.stat().st_size < 20e6
    assert manifest.picture == 512 and "synthetic" in manifest.consent.lower()


def test_demo_serves_the_demo_avatars_and_prints_its_address() -> None:
    port = free_port()
    with start("demo", "--port", str(port), "--engine", "openvino") as process:
        assert process.stdout is not None
        assert f"http://127.0.0.1:{port}" in process.stdout.readline()
        with urlopen(f"http://127.0.0.1:{port}/api/avatars", timeout=LIMIT) as response:
            assert [avatar["name"] for avatar in json.load(response)["avatars"]] == ["mira", "amon"]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT)
    assert process.returncode == 0


SLOW = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from runtime.commands import serve_cli
def load(bundles, engine):
    print('loading', flush=True)
    time.sleep(60)
serve_cli._load = load
"""


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_ctrl_c_while_loading_ends_at_once(command: str) -> None:
    with start(command, "--port", str(free_port()), before=SLOW) as process:
        assert process.stdout is not None and process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 130


def test_a_port_that_is_taken_does_not_wait_for_the_loading() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start("serve", "--port", str(port), before=SLOW) as process:
            _, error = process.communicate(timeout=30)
    assert process.returncode == 3 and f"port {port} on 127.0.0.1 is taken" in error


def renamed(bundle: Path, name: str) -> Path:
    """The demo's bundle under another name."""
    with zipfile.ZipFile(DEMO) as source, zipfile.ZipFile(bundle, "w") as target:
        for member in source.namelist():
            data = source.read(member)
            if member == "manifest.json":
                data = json.dumps(json.loads(data) | {"name": name}).encode()
            target.writestr(member, data)
    return bundle


def test_two_bundles_of_one_name_are_refused_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve", str(DEMO), str(DEMO), "--port", str(free_port())]) == 2
    error = capsys.readouterr().err
    assert "are both named 'mira'; bake one of them with another --name" in error and error.count("\n") == 1


FAKE = """
from runtime.avatar import loaded
from tests.streaming.fakes import FakeAvatar
loaded.LoadedAvatar = lambda bundle, engine: FakeAvatar(name=bundle.manifest.name)
"""


def test_several_bundles_are_served_and_their_addresses_printed(tmp_path: Path) -> None:
    port, other = free_port(), renamed(tmp_path / "other.mien", "Somebody Else")
    with start("serve", str(DEMO), str(other), "--port", str(port), before=FAKE) as process:
        assert process.stdout is not None
        assert f"http://127.0.0.1:{port}" in process.stdout.readline()
        names = [read_bundle(DEMO).manifest.name, "Somebody Else"]
        lines = [process.stdout.readline() for _ in names]
        assert lines[1] == f"  Somebody Else: http://127.0.0.1:{port}/?avatar=Somebody%20Else\n"
        with urlopen(f"http://127.0.0.1:{port}/api/avatars", timeout=30) as response:
            assert [avatar["name"] for avatar in json.load(response)["avatars"]] == names
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_the_engine_is_tried_once_for_avatars_of_the_same_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fake(bundle: Bundle, engine: str) -> FakeAvatar:
        asked.append(engine)
        return FakeAvatar(name=bundle.manifest.name)

    monkeypatch.setattr("runtime.avatar.loaded.LoadedAvatar", fake)
    serve_cli._load([DEMO, renamed(tmp_path / "other.mien", "Somebody Else"), BANKED], "auto")
    assert asked == ["auto", FakeAvatar.engine_name, "auto"]


WRITES = """
import numpy as np
from runtime.commands import doctor_cli
def run(args):
    with open({path!r}, "wb") as file:
        np.savez(file, a=np.zeros(100_000))
doctor_cli.run = run
"""


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/dev/full", "a file could not be written (No space left on device); make room or take another folder"),
        ("/dev/null/a.npz", "'/dev/null/a.npz' cannot be used (Not a directory); take another name"),
        ("/" + "a" * 300, "File name too long"),
    ],
)
def test_what_cannot_be_written_is_one_sentence_for_every_command(path: str, says: str) -> None:
    with start("doctor", before=WRITES.format(path=path)) as process:
        _, error = process.communicate(timeout=LIMIT)
    assert process.returncode == Unavailable.code
    assert error.startswith("mien doctor: ") and says in error and error.count("\n") == 1


def test_other_errors_of_the_system_keep_their_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(entry: object, arguments: object) -> int:
        raise ConnectionResetError(104, "reset")

    monkeypatch.setattr(cli, "_run", run)
    with pytest.raises(ConnectionResetError):
        cli.main(["doctor"])


def test_a_full_disk_ends_a_studio_clip_in_one_sentence(tmp_path: Path) -> None:
    disk = "mount -t tmpfs -o size=12k none"
    if subprocess.run(["unshare", "-rm", "sh", "-c", f"{disk} {tmp_path}"], capture_output=True).returncode:
        pytest.skip("needs a mount namespace, which is not permitted here")
    command = f'{disk} {tmp_path} && exec "$@" --size 64 --frames 2 --workers 2 -o {tmp_path}/clip'
    studio = ["sh", "-c", command, "sh", sys.executable, "-c", MIEN, "studio", "--demo"]
    done = subprocess.run(["unshare", "-rm", *studio], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == Unavailable.code
    assert "No space left on device" in done.stderr and "Traceback" not in done.stderr
