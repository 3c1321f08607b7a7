"""`mien doctor`: it finds what is wrong, and works where packages are missing, which is when it is needed."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from runtime.errors import BadInput
from tests.commands.calling import LIMIT, call, start

HIDE = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "{package}":
            raise ModuleNotFoundError("No module named '{package}'", name="{package}")
sys.meta_path.insert(0, Hidden())
"""


def test_it_prints_one_object_and_finds_a_taken_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with start("doctor", "--json", "--port", str(taken.getsockname()[1])) as process:
            printed, _ = process.communicate(timeout=LIMIT)
    report = json.loads(printed)
    checks = {check["name"]: check for check in report["checks"]}
    assert process.returncode == 3 and not report["ok"]
    assert "choose another with --port" in checks["port"]["says"]
    assert [c["name"] for c in report["checks"] if c["needed"] and not c["ok"]] == ["port"]
    assert checks["bundle"]["ok"] and "synthetic" in checks["bundle"]["values"]["consent"].lower()
    assert checks["engine openvino"]["values"]["ms"] > 0 and checks["engine onnxruntime"]["ok"]
    assert all(check["values"]["db"] > 36 for name, check in checks.items() if name == "engines agree")


@pytest.mark.parametrize(("package", "failing"), [("av", "vp8 decoder"), ("aiohttp", "port"), ("cv2", "face tracking")])
def test_a_missing_package_is_a_finding_not_a_crash(package: str, failing: str, tmp_path: Path) -> None:
    arguments = ("doctor", "--json", "--bundle", str(tmp_path / "none.mien"))
    with start(*arguments, before=HIDE.format(package=package)) as process:
        printed, said = process.communicate(timeout=LIMIT)
    checks = {check["name"]: check for check in json.loads(printed)["checks"]}
    assert process.returncode == 3 and "Traceback" not in said
    assert not checks[failing]["ok"] and "pip install" in checks[failing]["says"]
    assert not checks["bundle"]["ok"] and "there is no bundle" in checks["bundle"]["says"]


def test_a_port_that_cannot_be_is_refused() -> None:
    with pytest.raises(BadInput, match="port must be 1 to 65535"):
        call("runtime.commands.doctor_cli", "--port", "99999")
