"""Who may import whom (the table in the README's chapter on the layout)."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("offline", "export", "runtime", "clients")
HEAVY = {"torch", "diffusers", "openvino", "onnxruntime", "onnx", "tensorrt"}

ALLOWED = {
    "offline": (
        "offline",
        "runtime.contract",
        "runtime.tracking",
        "runtime.errors",
        "runtime.naming",
        "runtime.machine",
        "runtime.video_file",
    ),
    "export": ("export", "offline", "runtime.contract", "runtime.engines", "runtime.errors"),
    "runtime/contract": ("runtime.contract", "runtime.errors", "runtime.naming"),
    "runtime": ("runtime",),
    "clients": ("clients", "mien_client"),
}
HEAVY_ALLOWED = {
    "offline": {"torch", "diffusers"},
    "export": {"torch", "onnx"},
    "runtime/engines/openvino.py": {"openvino"},
    "runtime/engines/onnxruntime.py": {"onnxruntime"},
}


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
    return names


def rule(path: str, table: dict[str, object]) -> object:
    """The entry with the longest prefix of `path`."""
    fitting = [prefix for prefix in table if path == prefix or path.startswith(prefix + "/")]
    return table[max(fitting, key=len)] if fitting else ()


FILES = sorted(p for folder in OURS for p in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_keep_the_table(path: Path) -> None:
    where = str(path.relative_to(ROOT))
    allowed = rule(where, ALLOWED)  # type: ignore[arg-type]
    heavy = rule(where, HEAVY_ALLOWED)  # type: ignore[arg-type]
    for name in imports(path):
        if name.split(".")[0] in OURS:
            assert any(name == a or name.startswith(a + ".") for a in allowed), f"{where} imports {name}"  # type: ignore[attr-defined]
        if name.split(".")[0] in HEAVY:
            assert name.split(".")[0] in heavy, f"{where} imports {name}"  # type: ignore[operator]


def test_the_contract_needs_numpy_alone() -> None:
    standard = set(sys.stdlib_module_names)
    for path in (ROOT / "runtime" / "contract").rglob("*.py"):
        for name in imports(path):
            assert name.split(".")[0] in standard | {"numpy", "runtime"}, f"{path.name} imports {name}"


def test_the_runtime_loads_without_torch_and_fast_things_stay_lazy() -> None:
    code = (
        "import sys, runtime.core, runtime.cli, runtime.serve_cli, runtime.render, runtime.bench;"
        "bad = {'torch', 'openvino', 'onnxruntime', 'mediapipe'} & set(sys.modules);"
        "sys.exit(f'loaded: {bad}' if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
