"""`mien serve`: avatars on a web page."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.commands.demo import DEMOS
from runtime.commands.loading import start_loading
from runtime.config import FIELDS, ServerConfig, load
from runtime.errors import BadInput

if TYPE_CHECKING:
    from runtime.contract.bundle import Manifest
    from runtime.live.session import Avatar

OPTIONS = tuple(FIELDS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the bundles and the options."""
    parser.add_argument("bundles", nargs="*", type=Path, metavar="BUNDLE", help="avatars to serve (default: the demo)")
    add_options(parser)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declares the options; their defaults come from `ServerConfig`."""
    defaults = ServerConfig()
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML file of settings")
    parser.add_argument("--host", help=f"address to listen on (default: {defaults.host})")
    parser.add_argument("--port", help=f"port to listen on (default: {defaults.port})")
    parser.add_argument("--fps", help=f"frames rendered each second (default: {defaults.fps:g})")
    parser.add_argument("--engine", help="openvino, onnxruntime or auto (default)")
    parser.add_argument("--max-sessions", metavar="N", help=f"connections at once (default: {defaults.max_sessions})")
    parser.add_argument("--bitrate", metavar="BPS", help=f"highest video bitrate (default: {defaults.bitrate})")
    parser.add_argument("--background", metavar="#RRGGBB", help=f"colour behind (default: {defaults.background})")
    parser.add_argument(
        "--watermark", action=argparse.BooleanOptionalAction, default=None, help="an invisible mark (default: on)"
    )
    parser.add_argument("--token", help="bearer token that requests must carry")
    parser.add_argument(
        "--open", action=argparse.BooleanOptionalAction, default=None, help="on a --host that others reach: no token"
    )
    parser.add_argument("--allow-host", action="append", metavar="NAME", help="a name that a proxy gives this server")
    parser.add_argument("--allow-origin", action="append", metavar="ORIGIN", help="other site whose pages may connect")
    parser.add_argument(
        "--trusted-proxies", action="append", metavar="ADDRESS", help="proxy whose X-Forwarded-Prefix is believed"
    )
    parser.add_argument("--log-level", metavar="LEVEL", help=f"default: {defaults.log_level}")


def run(args: argparse.Namespace) -> int:
    """Serves until Ctrl-C; the exit code is 0 then. Raises MienError otherwise."""
    given = {name: getattr(args, name) for name in OPTIONS}
    config = load(given, os.environ, args.config)
    logging.basicConfig(level=config.log_level.upper(), format="%(levelname)s %(name)s: %(message)s")
    loading = start_loading(lambda: _load(args.bundles or DEMOS, config.engine))
    from runtime.core import serve  # takes as long as half the loading, meanwhile

    serve(config, loading, lambda line: print(line, flush=True))
    return 0


def _load(bundles: Sequence[Path], engine: str) -> list[Avatar]:
    """All avatars. Raises BadInput where two have one name, by which they are told apart."""
    from runtime.avatar.loaded import LoadedAvatar
    from runtime.contract.bundle import read_bundle

    read = [read_bundle(bundle) for bundle in bundles]
    for i, bundle in enumerate(read):
        for j in range(i):
            if read[j].manifest.name == bundle.manifest.name:
                raise BadInput(
                    f"'{bundles[j]}' and '{bundles[i]}' are both named '{bundle.manifest.name}'; "
                    "bake one of them with another --name"
                )
    avatars: list[LoadedAvatar] = []
    for bundle in read:  # what was the fastest for one is for another of the same networks
        alike = (a for b, a in zip(read, avatars, strict=False) if _networks(b.manifest) == _networks(bundle.manifest))
        tried = next(alike, None)
        avatars.append(LoadedAvatar(bundle, tried.engine_name if tried else engine))
    return list(avatars)


def _networks(manifest: Manifest) -> tuple[str, dict[str, Any]]:
    """What decides which engine is the fastest."""
    return manifest.kind, {name: value for name, value in manifest.preset.items() if name != "cells"}
