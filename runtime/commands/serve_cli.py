"""`mien serve`: an avatar on a web page."""

from __future__ import annotations

import argparse
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.commands.demo import DEMO
from runtime.config import FIELDS, ServerConfig, load

if TYPE_CHECKING:
    from runtime.live.session import Avatar

OPTIONS = tuple(FIELDS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the bundle and the options."""
    parser.add_argument("bundle", nargs="?", type=Path, metavar="BUNDLE", help="avatar to serve (default: the demo)")
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
    parser.add_argument("--allow-origin", action="append", metavar="ORIGIN", help="other site whose pages may connect")
    parser.add_argument("--token", help="bearer token that requests must carry")
    parser.add_argument("--log-level", metavar="LEVEL", help=f"default: {defaults.log_level}")


def run(args: argparse.Namespace) -> int:
    """Serves until Ctrl-C; the exit code is 0 then. Raises MienError otherwise."""
    given = {name: getattr(args, name) for name in OPTIONS}
    config = load(given, os.environ, args.config)
    logging.basicConfig(level=config.log_level.upper(), format="%(levelname)s %(name)s: %(message)s")
    with ThreadPoolExecutor(1, "mien-load") as pool:
        loading = pool.submit(_load, args.bundle or DEMO, config.engine)
        from runtime.core import serve  # takes as long as half the loading, meanwhile

        serve(config, loading, lambda line: print(line, flush=True))
    return 0


def _load(bundle: Path, engine: str) -> Avatar:
    from runtime.avatar.loaded import LoadedAvatar

    return LoadedAvatar.load(bundle, engine)
