"""The dispatcher, and what the commands share."""

from __future__ import annotations

import json
import signal
from urllib.request import urlopen

import pytest

from runtime.commands import main as cli
from runtime.commands.demo import DEMO
from runtime.contract.bundle import read_bundle
from runtime.errors import BadInput, MienError, Unavailable
from tests.commands.calling import start
from tests.end_to_end.process import free_port


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


def test_the_demo_bundle_is_small_and_synthetic() -> None:
    manifest = read_bundle(DEMO).manifest
    assert DEMO.stat().st_size < 30e6
    assert manifest.picture == 512 and "synthetic" in manifest.consent.lower()


def test_demo_serves_the_demo_avatar_and_prints_its_address() -> None:
    port = free_port()
    with start("demo", "--port", str(port), "--engine", "openvino") as process:
        assert process.stdout is not None
        assert f"http://127.0.0.1:{port}" in process.stdout.readline()
        with urlopen(f"http://127.0.0.1:{port}/api/avatars", timeout=20) as response:
            assert [avatar["name"] for avatar in json.load(response)["avatars"]] == [read_bundle(DEMO).manifest.name]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 0
