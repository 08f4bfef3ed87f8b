# SPDX-License-Identifier: BSD-3-Clause
"""What the command lines of the benchmarks share."""

import argparse
import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec


def parser_of(documentation: str) -> argparse.ArgumentParser:
    """A parser whose help is a program's own docstring."""
    description, _, epilog = documentation.partition("\n\n")
    return argparse.ArgumentParser(
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def names_among(
    known: Iterable[str], spell: Callable[[str], str] = str
) -> Callable[[str], list[str]]:
    """A reader of names separated by commas, in the order of those that are known.

    ``spell`` makes of a name as it is typed one that is known.
    """
    known = list(known)

    def read(text: str) -> list[str]:
        names = [spell(name.strip()) for name in text.split(",")]
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(
                    f"{name!r} is none of {', '.join(known)}"
                )
        return [name for name in known if name in names]

    return read


def require_matplotlib() -> None:
    """Stop now, not after minutes, where no picture could be drawn."""
    if find_spec("matplotlib") is None:
        sys.exit(
            "matplotlib is not installed: pip install '.[bench]', or use --no-plots"
        )
