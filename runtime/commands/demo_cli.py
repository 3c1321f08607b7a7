"""`mien demo`: the demo avatars on a web page; takes the options of `mien serve`."""

from __future__ import annotations

import argparse

from runtime.commands import serve_cli


def add_arguments(parser: argparse.ArgumentParser) -> None:
    serve_cli.add_options(parser)


def run(args: argparse.Namespace) -> int:
    args.bundles = []
    return serve_cli.run(args)
