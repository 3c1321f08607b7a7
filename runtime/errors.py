"""The errors that Mien shows to people: one sentence that says what is wrong and what to do next."""

from __future__ import annotations


class MienError(Exception):
    """Base of all errors whose message is meant for the user; the command line prints it and exits with `code`."""

    code = 1


class BadInput(MienError):
    """A file, setting or message that cannot be used as it is."""

    code = 2


class BundleError(BadInput):
    """A bundle that is cut, altered, of another version or not a bundle."""


class Unavailable(MienError):
    """Something this machine lacks: a package, a port, a device."""

    code = 3
