# SPDX-License-Identifier: BSD-3-Clause
"""Modules that are imported when they are first needed: ``import nnfast`` stays cheap.

Ctrl-C in the middle of an import can leave an extension module that Python cannot
import again in this process, and some modules swallow it. It only ever comes to the
main thread, so another one imports.
"""

import sys
from contextlib import suppress
from importlib import import_module
from threading import Thread
from typing import Any


def late(name: str) -> Any:
    """The module of that name."""
    if name not in sys.modules:
        thread = Thread(target=_import, args=(name,), name=f"import {name}")
        with suppress(RuntimeError):  # no more threads are to be had: import here
            thread.start()
            thread.join()
    # From here on quick; where another thread still imports it, it is waited for.
    return import_module(name)


def _import(name: str) -> None:
    with suppress(Exception):  # late() raises it again, where it is wanted
        import_module(name)
