# SPDX-License-Identifier: BSD-3-Clause
"""``python -m nnfast``: run a program as Python would, with nnfast installed.

The program becomes ``__main__`` of this very process, so that profilers, debuggers
and coverage see it. What it sees of itself is as without nnfast: ``sys.argv``,
``sys.path``, ``__main__``, tracebacks, the exit code.
"""

import builtins
import io
import linecache
import os
import pkgutil
import runpy
import sys
from collections.abc import Callable
from importlib.machinery import BuiltinImporter, SourceFileLoader, SourcelessFileLoader
from types import ModuleType
from typing import Any, NoReturn

from ._install import install

USAGE = """\
usage: python -m nnfast [-h] script [argument ...]
       python -m nnfast [-h] -m module [argument ...]
       python -m nnfast [-h] -c code [argument ...]
"""

HELP = f"""\
{USAGE}
Run a program with nnfast in the place of scikit-learn's MLPClassifier and
MLPRegressor, here and in the processes that it starts. A program is what it is for
python: a script may also be a folder or a zip file with a __main__.py in it, or -
for the standard input. Options of python itself stand before -m nnfast.
"""


def main(arguments: list[str]) -> None:
    """Read the command line, then run what it names."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(HELP, end="")
        return
    first, *rest = arguments
    option, joined = first[:2], first[2:]
    if option in _RUN:
        operands = [joined, *rest] if joined else rest  # python reads -mtimeit, too
        if not operands:
            _refuse(f"argument expected for the {option} option")
        _become(_RUN[option], operands[0], [option, *operands[1:]])
    elif option.startswith("-") and first != "-":
        _refuse(f"unknown option {first}")
    else:
        _become(_run_script, first, arguments)


def _refuse(reason: str) -> NoReturn:
    sys.stderr.write(f"{USAGE}python -m nnfast: {reason}\n")
    sys.exit(2)


def _become(run: Callable[[str, ModuleType], None], what: str, argv: list[str]) -> None:
    """Run it as ``__main__``."""
    install()
    sys.argv = argv
    program = ModuleType("__main__")
    vars(program).update(__builtins__=builtins)
    if sys.version_info < (3, 14):
        vars(program).update(__annotations__={})
    sys.modules["__main__"] = program
    try:
        run(what, program)
    except BaseException as error:
        # Our frames are no part of the program: its traceback begins after them.
        traceback = error.__traceback__
        while traceback and traceback.tb_frame.f_code.co_filename == __file__:
            traceback = traceback.tb_next
        show = sys.excepthook

        def show_program(kind: Any, error: BaseException, _: Any) -> None:
            show(kind, error.with_traceback(traceback), traceback)

        sys.excepthook = show_program
        raise


def _run_module(name: str, program: ModuleType) -> None:
    runpy._run_module_as_main(name)  # type: ignore[attr-defined]


def _run_code(source: str, program: ModuleType) -> None:
    _search_first("")
    program.__loader__ = BuiltinImporter
    code = compile(source, "<string>", "exec")
    # From 3.13 on Python's tracebacks know the text of -c: first by its file's name,
    # then by its code.
    key = code if hasattr(linecache, "_interactive_cache") else "<string>"
    register = getattr(linecache, "_register_code", lambda *_: None)
    register(key, source, "<string>")
    exec(code, vars(program))


def _run_script(path: str, program: ModuleType) -> None:
    if path == "-":
        _search_first("")
        code = compile(sys.stdin.buffer.read(), "<stdin>", "exec")
        return _execute(code, program, "<stdin>", BuiltinImporter)
    full = os.path.join(os.getcwd(), path)
    if pkgutil.get_importer(path) is not None:  # a folder or a zip file
        _search_first(None)
        sys.path.insert(0, full)
        return runpy._run_module_as_main("__main__", False)  # type: ignore[attr-defined]
    _search_first(os.path.dirname(os.path.realpath(path)))
    loader = SourcelessFileLoader if path.endswith(".pyc") else SourceFileLoader
    _execute(_read(full), program, full, loader("__main__", full))


def _execute(code: Any, program: ModuleType, file: str, loader: Any) -> None:
    vars(program).update(__file__=file, __cached__=None, __loader__=loader)
    exec(code, vars(program))


def _read(path: str) -> Any:
    """The code of a file, compiled or not."""
    try:
        with io.open_code(path) as file:
            code = pkgutil.read_code(file)
            if code is None:
                file.seek(0)
                code = compile(file.read(), path, "exec")
            return code
    except OSError as error:
        place = f"can't open file {path!r}: [Errno {error.errno}] {error.strerror}"
        sys.stderr.write(f"{sys.executable}: {place}\n")
        sys.exit(2)


def _search_first(folder: str | None) -> None:
    """Put the folder where python put the current one when it looked for nnfast."""
    if not sys.flags.safe_path:
        sys.path[:1] = [] if folder is None else [folder]


_RUN = {"-m": _run_module, "-c": _run_code}

if __name__ == "__main__":
    main(sys.argv[1:])
