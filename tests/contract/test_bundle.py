"""Bundles that are whole, cut, altered, foreign or of another version."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from runtime.contract.bundle import FILES, GRAPHS, GraphInfo, Manifest, Tensor, read_bundle, write_bundle
from runtime.errors import BundleError, Unavailable


def manifest() -> Manifest:
    info = GraphInfo((Tensor("x", (0, 2), "float32"),), (Tensor("y", (0, 3), "float32"),), ("node",))
    return Manifest("test", "tri2plane", 512, 32, {}, "nobody", "synthetic", dict.fromkeys(GRAPHS, info))


def contents() -> dict[str, bytes]:
    return {name: name.encode() * 100 for name in FILES}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "a.mien"
    write_bundle(path, manifest(), contents())
    return path


def rewritten(bundle: Path, changes: dict[str, bytes | None]) -> Path:
    """A copy with members replaced, or left out where None."""
    out = bundle.with_name("b.mien")
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = changes.get(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return out


def test_what_was_written_is_read(bundle: Path) -> None:
    read = read_bundle(bundle)
    assert read.files == contents()
    assert read.manifest.graphs["renderer"] == manifest().graphs["renderer"]
    assert read.manifest.consent == "synthetic"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"there is no bundle .*none\.mien"):
        read_bundle(tmp_path / "none.mien")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_cut_bundle_is_refused_by_name(bundle: Path, share: float) -> None:
    data = bundle.read_bytes()
    bundle.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BundleError, match=r"a\.mien"):
        read_bundle(bundle)


def test_any_damaged_byte_is_refused_by_name(bundle: Path) -> None:
    data = bundle.read_bytes()
    for at in range(0, len(data), 7):
        bundle.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        try:  # a byte that nobody reads, such as a time stamp's, does no harm
            assert read_bundle(bundle).files == contents()
        except BundleError as error:
            assert "a.mien" in str(error) or "bake" in str(error)


def test_an_altered_member_is_named(bundle: Path) -> None:
    with pytest.raises(BundleError, match=r"renderer\.onnx .*was altered"):
        read_bundle(rewritten(bundle, {"renderer.onnx": b"other"}))


def test_a_member_left_out_is_named(bundle: Path) -> None:
    with pytest.raises(BundleError, match=r"lacks sr\.onnx"):
        read_bundle(rewritten(bundle, {"sr.onnx": None}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "of version 2, this Mien reads version 1"),
        ({"format": "zip"}, "not a bundle"),
        ({"graphs": {}}, "lacks or misnames a key"),
        ({"surprise": 1}, "lacks or misnames a key"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(bundle: Path, change: dict[str, object], message: str) -> None:
    with zipfile.ZipFile(bundle) as archive:
        values = json.loads(archive.read("manifest.json"))
    altered = rewritten(bundle, {"manifest.json": json.dumps(values | change).encode()})
    with pytest.raises(BundleError, match=message):
        read_bundle(altered)


def test_a_picture_is_not_a_bundle(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(b"\x89PNG" * 50)
    with pytest.raises(BundleError, match="not a bundle"):
        read_bundle(path)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(Unavailable, match="No space left"):
        write_bundle(tmp_path / "a.mien", manifest(), contents())
    assert list(tmp_path.iterdir()) == []


def test_an_older_bundle_survives_a_failed_write(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = bundle.read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(13, "Permission denied")))
    with pytest.raises(Unavailable, match="Permission denied"):
        write_bundle(bundle, manifest(), contents())
    assert bundle.read_bytes() == before and len(list(bundle.parent.iterdir())) == 1


def test_a_member_that_unpacks_too_large_is_refused(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.contract.bundle.LIMIT", 100)
    with pytest.raises(BundleError, match="more than the 100 allowed"):
        read_bundle(Path(shutil.copy(bundle, bundle.with_name("c.mien"))))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", 3), ("picture", "large"), ("picture", True), ("picture", 10**9), ("latent", -1), ("consent", None),
        ("preset", []), ("files", []), ("files", {"sr.onnx": "abc"}), ("bank", 3), ("bank", [{"name": "a"}]),
        ("bank", [{"name": "a", "prompt": "b", "hold": 10**400}]), ("graphs", []), ("graphs", {"sr": 1}),
        ("graphs", {graph: {"inputs": [3], "outputs": [], "float32": []} for graph in GRAPHS}),
        ("graphs", {graph: {"inputs": [{"name": "a", "shape": ["b"], "dtype": "c"}]} for graph in GRAPHS}),
        ("version", "x" * 9000), ("x" * 9000, 1),
    ],
)  # fmt: skip
def test_a_manifest_with_a_value_that_cannot_be_is_refused_in_one_short_sentence(
    bundle: Path, key: str, value: object
) -> None:
    with zipfile.ZipFile(bundle) as archive:
        values = json.loads(archive.read("manifest.json"))
    altered = json.dumps(values | {key: value}).encode()
    with pytest.raises(BundleError) as raised:
        read_bundle(rewritten(bundle, {"manifest.json": altered}))
    assert len(str(raised.value)) < 600
    with pytest.raises(BundleError, match="not valid JSON"):
        read_bundle(rewritten(bundle, {"manifest.json": b"[" * 100_000}))
