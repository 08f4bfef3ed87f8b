# SPDX-License-Identifier: BSD-3-Clause
"""Values in a model file: parameters and numbers as JSON, labels as lines of text.

JSON has one kind of list, and no infinity. Where it says less than Python, a value is
an object with one key that says which kind it is: {"tuple": [...]}, {"list": [...]},
{"dict": [[key, value], ...]}, {"float": "inf"}. Nothing else can be stored, and nothing
else is made of what is read.
"""

import json
import math
import re
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np

from .safetensors import Contents, json_value

# What is counted is below it; what is more would not be a count of anything.
_END = 2**63
_ODD_FLOATS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


# ---- plain values ----


def encode(value: Any, name: str) -> Any:
    """A value as JSON has it; NumPy's numbers become Python's, its arrays lists."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, Integral) and -_END < int(value) < _END:
        return int(value)
    if isinstance(value, Real) and not isinstance(value, Integral):
        number = float(value)
        return number if math.isfinite(number) else {"float": str(number)}
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    for kind in (tuple, list):
        if type(value) is kind:
            return {kind.__name__: [encode(entry, name) for entry in value]}
    if type(value) is dict:
        pairs = [[encode(part, name) for part in pair] for pair in value.items()]
        return {"dict": pairs}
    raise ValueError(f"{name} cannot be stored in a model file: {value!r:.200}")


def decode(value: Any, name: str) -> Any:
    """The value that ``encode`` made this of."""
    if value is None or isinstance(value, (str, bool, float)):
        return value
    if isinstance(value, int) and -_END < value < _END:
        return value
    if isinstance(value, dict) and len(value) == 1:
        ((kind, content),) = value.items()
        if kind in _KINDS:
            return _KINDS[kind](content, name)
    raise ValueError(f"{name} is not the encoding of a value")


def _decode_list(content: Any, name: str) -> list[Any]:
    if not isinstance(content, list):
        raise ValueError(f"{name} has a list that is none")
    return [decode(entry, name) for entry in content]


def _decode_dict(content: Any, name: str) -> dict[Any, Any]:
    pairs = [
        _decode_list(pair, name) if isinstance(pair, list) else []
        for pair in (content if isinstance(content, list) else [[]])
    ]
    if not all(len(pair) == 2 and _is_key(pair[0]) for pair in pairs):
        raise ValueError(f"{name} has a dict that is none")
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError(f"{name} has a dict with a key twice")
    return made


def _is_key(value: Any) -> bool:
    return value is None or isinstance(value, (str, bool, int, float))


def _decode_float(content: Any, name: str) -> float:
    if not isinstance(content, str) or content not in _ODD_FLOATS:
        raise ValueError(f"{name} has a float that is none")
    return _ODD_FLOATS[content]


_KINDS: dict[str, Callable[[Any, str], Any]] = {
    "tuple": lambda content, name: tuple(_decode_list(content, name)),
    "list": _decode_list,
    "dict": _decode_dict,
    "float": _decode_float,
}


def count(value: Any, name: str) -> int:
    """A whole number that is not negative, as it stands."""
    if type(value) is not int or not 0 <= value < _END:
        raise ValueError(f"{name} must be a whole number from 0 to 2**63 - 1")
    return value


def real(value: Any, name: str) -> float:
    """A float, an infinite one too."""
    number = decode(value, name)
    if type(number) is not float:
        raise ValueError(f"{name} must be a float")
    return number


# ---- texts of JSON ----


def document(value: dict[str, Any]) -> str:
    """A value of encoded ones as a text."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def parsed(contents: Contents, name: str) -> dict[str, Any]:
    """The object that a text of the metadata says."""
    text = contents.metadata[name]
    # An error that quotes a value has it four times, in up to four bytes a character.
    contents.allowance.take((8 if text.isascii() else 32) * len(text), name)
    value = json_value(text, name, contents.allowance)
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be a JSON object")
    return value


def known(found: Any, required: Any, what: str, optional: Any = ()) -> None:
    """ValueError where names are missing, or not known."""
    for name in required:
        if name not in found:
            raise ValueError(f"{what} lacks {name!r}")
    all_known = {*required, *optional}
    for name in found:
        if name not in all_known:
            raise ValueError(f"{what} has {name!r:.60}, which is unknown")


# ---- lines of text ----


def lines(texts: Any, name: str) -> str:
    r"""One text a line: in each, a backslash is \\ and a line feed \n."""
    escaped = []
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"{name} holds {text!r:.60}, which is no text")
        if not _is_unicode(text):
            raise ValueError(f"{name} holds {text!r:.60}, which is not valid Unicode")
        escaped.append(text.replace("\\", "\\\\").replace("\n", "\\n"))
    return "\n".join(escaped)


def from_lines(contents: Contents, name: str) -> list[str]:
    """The texts that the metadata have under that name."""
    joined = contents.metadata[name]
    # A str of other than ASCII has 76 bytes and four a character at most; each stands
    # in a list, and in an array of what uses them.
    overhead, width = (64, 1) if joined.isascii() else (80, 4)
    needed = (overhead + 16) * (joined.count("\n") + 1) + width * len(joined)
    contents.allowance.take(needed, name)
    texts = joined.split("\n")
    for i, text in enumerate(texts):
        if not _is_unicode(text):
            raise ValueError(f"{name} holds a text that is not valid Unicode")
        if "\\" in text:
            if re.fullmatch(r"([^\\]|\\[\\n])*+", text) is None:
                raise ValueError(f"{name} has an unknown escape")
            texts[i] = re.sub(
                r"\\(.)", lambda found: "\n" if found[1] == "n" else "\\", text
            )
    return texts


def _is_unicode(text: str) -> bool:
    """Whether UTF-8 can say it: halves of surrogate pairs cannot stand alone."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
