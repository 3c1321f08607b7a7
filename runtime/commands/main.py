"""`mien`: one command with a subcommand per job.

Each folder declares its own in the entry-point group ``mien.commands``; one that needs a package which is not installed
says which. A command is a module with a docstring, `add_arguments(parser)` and `run(args)`.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib.metadata import EntryPoint, entry_points

from runtime.commands.loading import is_loading
from runtime.errors import MienError, of_file_system
from runtime.naming import unknown

GROUP = "mien.commands"


def main(argv: list[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's matrices are small here; its threads would only spin
    arguments = sys.argv[1:] if argv is None else argv
    try:
        return _dispatch(arguments)
    except MienError as error:
        return _refused(arguments[0], error)
    except OSError as error:
        refusal = of_file_system(error)
        if refusal is None:
            raise
        return _refused(arguments[0], refusal)
    except KeyboardInterrupt:
        sys.unraisablehook = _leave_unsaid
        return _leave(130)


def _dispatch(arguments: list[str]) -> int:
    commands = {entry.name: entry for entry in entry_points(group=GROUP)}
    if not arguments or arguments[0] in ("-h", "--help"):
        print(
            "usage: mien COMMAND ...\n\ncommands: " + ", ".join(sorted(commands)) + "\n\nmien COMMAND --help says more"
        )
        return 0 if arguments else 2
    if arguments[0] not in commands:
        print(f"mien: {unknown('command', arguments[0], commands)}", file=sys.stderr)
        return 2
    return _run(commands[arguments[0]], arguments[1:])


def _refused(name: str, error: MienError) -> int:
    sys.unraisablehook = _leave_unsaid
    print(f"mien {name}: {error}", file=sys.stderr)
    return _leave(error.code)


def _leave(status: int) -> int:
    """`status`; where something is being loaded still, the process ends here, since nobody wants that any more."""
    if is_loading():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


def _leave_unsaid(error: object) -> None:
    """What fails to be deleted at the end says no more than the end itself: a progress bar that Ctrl-C interrupted
    while it was made, an archive that a full disk cut."""


def _run(entry: EntryPoint, arguments: list[str]) -> int:
    try:
        command = entry.load()
    except ModuleNotFoundError as error:
        extra = entry.module.split(".")[0]
        wanted = "runtime" if extra == "runtime" else "offline"
        print(
            f"mien {entry.name}: the package '{error.name}' is not installed; install it with: "
            f"pip install -c constraints.txt -e '.[{wanted}]'",
            file=sys.stderr,
        )
        return 3
    parser = argparse.ArgumentParser(prog=f"mien {entry.name}", description=command.__doc__)
    command.add_arguments(parser)
    status = command.run(parser.parse_args(arguments))
    return int(status or 0)
