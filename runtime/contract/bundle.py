"""The bundle (`alice.mien`): what `mien bake` writes and `mien serve` reads.

A zip file, nothing in it pickled:

    manifest.json      format, version, kind, name, preset, likeness, tensors, float32 nodes; SHA-256 of the rest
    generator.onnx     expression, detail, latent, and with a bank what it adds → planes
    renderer.onnx      planes, head pose, camera → features, alpha, depth
    sr.onnx            features, alpha → RGBA
    head_model.npz     the 3DMM
    identity.npz       `identity` [K], `texture` [T, T, 3]
    thumbnail.png      the neutral head
    bank.npz           only with a bank: what each of its expressions adds to the planes (`runtime.avatar.bank`)

A reader takes only these names, each within its limit and matching its hash.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from operator import index
from pathlib import Path
from typing import Any

from runtime.contract.bank import BankExpression, checked_bank
from runtime.errors import BundleError, Unavailable
from runtime.naming import shown

FORMAT = "mien-bundle"
VERSION = 1
GRAPHS = ("generator", "renderer", "sr")
FILES = (*(f"{name}.onnx" for name in GRAPHS), "head_model.npz", "identity.npz", "thumbnail.png")
BANK_FILE = "bank.npz"
TRI2PLANE, JOKER = "tri2plane", "joker"
"""Kinds of avatar: one with a generator of its own, to which a bank may be added; one that is a bank alone."""
LIMIT = 256 * 2**20
"""Largest member, bytes."""
MANIFEST_LIMIT = 2**20
MAX_PICTURE = 4096
MAX_LATENT = 4096
FIELD_TYPES: dict[str, type] = {
    **dict.fromkeys(("name", "kind", "subject", "consent", "created"), str),
    **dict.fromkeys(("picture", "latent"), int),
    **dict.fromkeys(("preset", "files"), dict),
}
UNREADABLE = (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError)
"""What reading a zip file that is damaged, encrypted or packed in an unknown way may raise."""


@dataclass(frozen=True)
class Tensor:
    """One input or output of a graph; the first axis of `shape` is the batch, which is free."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class GraphInfo:
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    float32: tuple[str, ...] = ()
    """Nodes that an engine must not compute in half precision: geometry, depths, indices."""


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself."""

    name: str
    kind: str
    picture: int
    """Width and height of the picture, pixels."""
    latent: int
    """Length of the generator's γ input; inference gives zeros."""
    preset: dict[str, Any]
    subject: str
    """Whose likeness it is."""
    consent: str
    """The consent on record."""
    graphs: dict[str, GraphInfo]
    created: str = ""
    """ISO 8601 date."""
    bank: tuple[BankExpression, ...] = ()
    """The avatar's own expressions; number k is played by `DriveState.bank[k]`."""
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Size in bytes and SHA-256 of every other member."""

    @property
    def members(self) -> tuple[str, ...]:
        """The names of all other members."""
        return (*FILES, BANK_FILE) if self.bank else FILES


def write_bundle(path: Path, manifest: Manifest, files: Mapping[str, bytes]) -> Manifest:
    """Write a bundle; returns the manifest as written, with sizes and hashes. The file appears whole or not at all.

    Raises ValueError where `files` are not those of a bundle and Unavailable where they cannot be written.
    """
    if set(files) != set(manifest.members):
        raise ValueError(f"this bundle holds {', '.join(manifest.members)}; got {', '.join(files)}")
    listed = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()}
    values = asdict(manifest) | {"files": listed}
    if not manifest.bank:
        del values["bank"]  # so that a Mien that knows no banks reads it
    text = json.dumps({"format": FORMAT, "version": VERSION} | values, indent=1)
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            archive.writestr("manifest.json", text)
            for name in manifest.members:
                archive.writestr(name, files[name])
        os.replace(temporary, path)
    except OSError as error:
        raise Unavailable(
            f"the bundle '{path}' could not be written ({error.strerror}); nothing was left behind"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return _manifest(values, path)


@dataclass(frozen=True)
class Bundle:
    """A bundle in memory, checked."""

    manifest: Manifest
    files: Mapping[str, bytes]
    digest: str
    """SHA-256 of the manifest: names the bundle in caches."""


def read_bundle(path: Path) -> Bundle:
    """Read and check a bundle. Raises BundleError that names the file and what is wrong with it."""
    try:
        with zipfile.ZipFile(path) as archive:
            text = _member(archive, "manifest.json", MANIFEST_LIMIT, path)
            manifest = _parse(text, path)
            files = {name: _checked(archive, name, manifest, path) for name in manifest.members}
    except FileNotFoundError:
        raise BundleError(f"there is no bundle '{path}'; bake one with: mien bake RUN -o {path}") from None
    except UNREADABLE as error:
        raise BundleError(f"'{path}' is not a bundle or is cut short ({error}); copy or bake it again") from error
    return Bundle(manifest, files, hashlib.sha256(text).hexdigest())


def _member(archive: zipfile.ZipFile, name: str, limit: int, path: Path) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise BundleError(f"the bundle '{path}' lacks {name}; bake it again") from None
    if info.file_size > limit:
        raise BundleError(
            f"the bundle '{path}' holds a {name} of {info.file_size} bytes, more than the {limit} allowed"
        )
    with archive.open(info) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise BundleError(f"the bundle '{path}' holds a {name} larger than the {limit} bytes allowed")
    return data


def _parse(text: bytes, path: Path) -> Manifest:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"the manifest of '{path}' is not valid JSON ({error}); bake it again") from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise BundleError(f"'{path}' is a zip file but not a bundle: its manifest's 'format' is not '{FORMAT}'")
    if values.get("version") != VERSION:
        raise BundleError(
            f"the bundle '{path}' is of version {shown(values.get('version'))}, this Mien reads version {VERSION}; "
            "bake it again"
        )
    return _manifest({k: v for k, v in values.items() if k not in ("format", "version")}, path)


def _manifest(values: dict[str, Any], path: Path) -> Manifest:
    try:
        graphs = {name: _graph(values["graphs"][name]) for name in GRAPHS}
        bank = checked_bank(values.get("bank", ()))
        manifest = Manifest(**{**values, "graphs": graphs, "bank": bank})
    except (KeyError, TypeError, AttributeError) as error:
        raise BundleError(
            f"the manifest of '{path}' lacks or misnames a key ({shown(str(error))}); bake it again"
        ) from None
    except ValueError as error:
        raise BundleError(f"the manifest of '{path}' has a bank that cannot be: {error}; bake it again") from None
    for name, kind in FIELD_TYPES.items():
        value = getattr(manifest, name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise BundleError(f"the manifest of '{path}' has {shown(value)} for '{name}'; bake it again")
    if not 0 < manifest.picture <= MAX_PICTURE or not 0 <= manifest.latent <= MAX_LATENT:
        raise BundleError(f"the manifest of '{path}' has a size that cannot be; bake it again")
    if not all(isinstance(listed, dict) for listed in manifest.files.values()):
        raise BundleError(f"the manifest of '{path}' does not list sizes and hashes; bake it again")
    return manifest


def _graph(values: Mapping[str, Any]) -> GraphInfo:
    """Raises KeyError, TypeError or AttributeError where the values are not those of a graph."""

    def tensors(entries: list[Mapping[str, Any]]) -> tuple[Tensor, ...]:
        return tuple(Tensor(str(e["name"]), tuple(index(n) for n in e["shape"]), str(e["dtype"])) for e in entries)

    return GraphInfo(tensors(values["inputs"]), tensors(values["outputs"]), tuple(map(str, values["float32"])))


def _checked(archive: zipfile.ZipFile, name: str, manifest: Manifest, path: Path) -> bytes:
    expected = manifest.files.get(name)
    if expected is None:
        raise BundleError(f"the manifest of '{path}' does not list {name}; bake it again")
    data = _member(archive, name, LIMIT, path)
    if hashlib.sha256(data).hexdigest() != expected.get("sha256"):
        raise BundleError(
            f"{name} in the bundle '{path}' was altered: its SHA-256 is not the manifest's; bake it again"
        )
    return data
