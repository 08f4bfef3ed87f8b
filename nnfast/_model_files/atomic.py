# SPDX-License-Identifier: BSD-3-Clause
"""Writing a file at once: whoever opens it finds the old one or the new one, whole.

The new file is written beside the old one, brought to the disk, and renamed. As with a
plain ``open(path, "wb")``, a new file gets the usual permissions, one that is replaced
keeps its own, a symbolic link stays, and what is no file (a pipe, say) is written to.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO
from uuid import uuid4


@contextlib.contextmanager
def replacing(path: Any) -> Iterator[BinaryIO]:
    """A file to write; it comes to stand at ``path`` when the block ends well."""
    path = os.path.realpath(os.fsdecode(path))
    mode = _mode(path)
    if mode is not None and not stat.S_ISREG(mode):
        with open(path, "wb") as file:
            yield file
        return
    folder = os.path.dirname(path)
    beside = os.path.join(folder, f".nnfast-{uuid4().hex}.tmp")
    try:
        with open(beside, "xb") as file:
            if mode is not None:
                os.chmod(beside, stat.S_IMODE(mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(beside)
        raise
    _sync_folder(folder)


def _mode(path: str) -> int | None:
    """Type and permissions of what is there."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _sync_folder(folder: str) -> None:
    """Bring the new name to the disk; Windows cannot open a folder, nor need it."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
