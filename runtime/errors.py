"""The errors that Mien shows to people: one sentence that says what is wrong and what to do next."""

from __future__ import annotations

import errno

_AGAIN = "make room or take another folder, then run the same command again"
_ACCESS = "take another folder, or give yourself access to this one"
_NAME = "take another name"
_REFUSED = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _AGAIN),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _ACCESS),
    **dict.fromkeys((errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG), _NAME),
}
"""What to do about it, by what a file system refuses."""


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


def of_file_system(error: OSError) -> Unavailable | None:
    """The sentence for a file that the system would not write, or read; None where `error` is of another kind."""
    advice = _REFUSED.get(error.errno or 0)
    if advice is None:
        return None
    what = f"'{error.filename}' cannot be used" if error.filename else "a file could not be written"
    return Unavailable(f"{what} ({error.strerror}); {advice}")
