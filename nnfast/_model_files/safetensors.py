# SPDX-License-Identifier: BSD-3-Clause
"""The safetensors layout: a table of tensors, texts beside it, and their bytes.

    8 bytes   length of the header, unsigned
    header    JSON: {"__metadata__": {text: text}, name: {"dtype", "shape",
              "data_offsets": [begin, end]}, ...}; spaces may follow
    data      the tensors' entries in C order; offsets count from here

All numbers are little-endian. Whatever a file says is held against the bytes that it
has before memory is taken for it: tensors fill the data without a hole, and what JSON
makes of a header (up to 45 times its bytes) is estimated first. So opening a file takes
at most twice its bytes and a megabyte, or is refused.
"""

import json
import math
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np

DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "U32": np.dtype(np.uint32),
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}

# Spaces at its end aside. The safetensors package opens no longer header either.
MAX_HEADER = 100_000_000
_METADATA = "__metadata__"
_PIECE = 2**17  # bytes read at once


class Allowance:
    """Bytes that opening a file may take beside its tensors, or beside one copy of it.

    Of the second copy and the megabyte, a part is left to what reads.
    """

    def __init__(self, file_size: float) -> None:
        self.limit = file_size + 1_000_000 - 2 * _PIECE
        self.taken = 0

    def take(self, n_bytes: int, what: str) -> None:
        """ValueError where it would be more than is left."""
        self.taken += n_bytes
        if self.taken > self.limit:
            raise ValueError(
                f"{what} would take more memory than a file of this size justifies"
            )

    def padding(self, file_size: int) -> int:
        """Bytes that a file of this size lacks for what was taken to be allowed."""
        return max(0, self.taken - int(Allowance(file_size).limit))


def json_value(text: str, what: str, allowance: Allowance) -> Any:
    """What a JSON text says, or ValueError; an object has each key once."""
    allowance.take(_json_memory(text), what)
    try:
        return _decoder.decode(text)
    except RecursionError:
        raise ValueError(f"{what} is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{what} is no valid JSON: {error}") from None


def _json_memory(text: str) -> int:
    """No less than what json takes, in bytes, for the text and what it makes of it.

    Every value and key but the outermost comes after one of four characters. It takes
    120 bytes at most: the entry of an object whose table has just grown. An escape can
    make the rest of its string take four bytes a character, and half as much again
    while it is put together.
    """
    n_values = sum(text.count(character) for character in "[{,:")
    wide = not text.isascii() or "\\u" in text
    return 120 * n_values + (7 if wide else 2) * len(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"an object has {twice!r:.60} twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text:.60} is out of range")
    return number


def _whole(text: str) -> int:
    # Nothing here counts further, and reading many digits takes the square of the time.
    if len(text) > 20:
        raise ValueError(f"{text:.60} is out of range")
    return int(text)


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


_decoder = json.JSONDecoder(
    object_pairs_hook=_once,
    parse_int=_whole,
    parse_float=_finite,
    parse_constant=_no_constant,
)


# ---- the header ----


class Tensor(NamedTuple):
    """A tensor in a file: what it holds, and where its bytes start in the file."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int


class Contents:
    """What a header says.

    Who makes something of it claims each tensor that must be there before any is read;
    ``end_of_claims`` then refuses all others.
    """

    def __init__(
        self,
        metadata: dict[str, str],
        tensors: dict[str, Tensor],
        allowance: Allowance,
    ) -> None:
        self.metadata, self.tensors, self.allowance = metadata, tensors, allowance
        self._claimed: set[str] = set()

    def claim(
        self, name: str, shape: tuple[int, ...], *dtypes: np.dtype[Any]
    ) -> np.dtype[Any]:
        """The type of a tensor, one of those given; ValueError if it is another."""
        tensor = self.tensors.get(name)
        if tensor is None:
            raise ValueError(f"tensor {name!r} is missing")
        if tensor.shape != shape or tensor.dtype not in dtypes:
            raise ValueError(
                f"tensor {name!r} is {tensor.dtype} of shape {list(tensor.shape)}, not"
                f" {' or '.join(map(str, dtypes))} of shape {list(shape)}"
            )
        self._claimed.add(name)
        return tensor.dtype

    def end_of_claims(self) -> None:
        """ValueError for a tensor that nobody claimed."""
        for name in self.tensors:
            if name not in self._claimed:
                raise ValueError(f"tensor {name!r:.60} is unknown")

    def read(
        self, file: BinaryIO, name: str, target: np.ndarray | None = None
    ) -> np.ndarray:
        """The entries of a tensor, in the C-contiguous array if one is given."""
        dtype, shape, start = self.tensors[name]
        array = np.empty(shape, dtype) if target is None else target
        file.seek(start)
        entries = array.reshape(-1).view(np.uint8)
        for begin in range(0, entries.size, _PIECE):
            part = entries[begin : begin + _PIECE]
            part[:] = np.frombuffer(
                _read(file, part.size, f"tensor {name!r}"), np.uint8
            )
        if sys.byteorder == "big":
            array.byteswap(inplace=True)
        return array


def header_of(
    metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray], n_spaces: int = 0
) -> bytes:
    """The length and the header of a file that holds the arrays in this order.

    At least so many spaces join those that make it a multiple of 8 bytes.
    """
    table: dict[str, Any] = {_METADATA: dict(metadata)}
    end = 0
    for name, array in arrays.items():
        begin, end = end, end + array.nbytes
        table[name] = {
            "dtype": NAMES[array.dtype],
            "shape": array.shape,
            "data_offsets": (begin, end),
        }
    text = json.dumps(table, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    text += b" " * (n_spaces + -n_spaces % 8)
    return len(text).to_bytes(8, "little") + text


def read_header(file: BinaryIO) -> Contents:
    """The header of a file that reaches from here to its end, or ValueError.

    ``start`` of the tensors is a position in ``file``.
    """
    origin = file.tell()
    size = file.seek(0, 2) - origin
    file.seek(origin)
    length = int.from_bytes(_read(file, 8, "the length of its header"), "little")
    if length > size - 8:
        raise ValueError(
            f"it does not begin with the length of a header: of its {size} bytes, the"
            f" header alone would have {length}"
        )
    raw = _read(file, length, "its header").rstrip(b" ")
    return parse_header(raw, origin + 8 + length, size - 8 - length, Allowance(size))


def parse_header(
    raw: bytes, start: int, n_bytes: int, allowance: Allowance
) -> Contents:
    """What the header before data of that many bytes says, or ValueError."""
    if len(raw) > MAX_HEADER:
        raise ValueError(f"its header has {len(raw)} bytes, of {MAX_HEADER} allowed")
    allowance.take((1 if raw.isascii() else 7) * len(raw), "the header")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise ValueError("its header is not UTF-8") from None
    if not text.startswith("{"):
        raise ValueError("its header does not begin with {")
    table = json_value(text, "the header", allowance)
    metadata = table.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(
        isinstance(value, str) for value in metadata.values()
    ):
        raise ValueError(f"{_METADATA} must hold texts by name")
    spans = sorted((*_span(name, entry), name) for name, entry in table.items())
    expected = 0
    for begin, end, name in spans:
        if begin != expected:
            how = "overlaps others" if begin < expected else "leaves a hole before it"
            raise ValueError(f"tensor {name!r:.60} {how}")
        expected = end
    if expected != n_bytes:
        raise ValueError(f"its tensors have {expected} bytes, its data {n_bytes}")
    tensors = {
        name: Tensor(DTYPES[entry["dtype"]], tuple(entry["shape"]), start + begin)
        for (begin, _, name), entry in ((span, table[span[2]]) for span in spans)
    }
    return Contents(metadata, tensors, allowance)


def _span(name: str, entry: Any) -> tuple[int, int]:
    """Where an entry of the table says that its tensor begins and ends."""
    what = f"tensor {name!r:.60}"
    if not isinstance(entry, dict) or entry.keys() != {
        "dtype",
        "shape",
        "data_offsets",
    }:
        raise ValueError(f"{what} must have dtype, shape and data_offsets, no more")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"{what} must have a dtype among {sorted(DTYPES)}")
    if not (_sizes(shape) and _sizes(offsets) and len(offsets) == 2):
        raise ValueError(f"{what} must have a shape and two offsets of whole numbers")
    # At most two factors, each below 2**63; Python's product has no upper end.
    if len(shape) > 2 or offsets[1] - offsets[0] != math.prod(shape) * (
        DTYPES[dtype].itemsize
    ):
        raise ValueError(f"{what} has a shape that does not fit its bytes")
    return offsets[0], offsets[1]


def _sizes(value: Any) -> bool:
    return isinstance(value, list) and all(
        type(size) is int and 0 <= size < 2**63 for size in value
    )


# ---- the data ----


def data_of(array: np.ndarray) -> memoryview:
    """The bytes of an array as they stand in a file."""
    array = np.require(array, array.dtype.newbyteorder("<"), "C")
    return array.reshape(-1).view(np.uint8).data


def _read(file: BinaryIO, n_bytes: int, what: str) -> bytes:
    """Exactly so many bytes; a raw file may give fewer at a time."""
    found = file.read(n_bytes)
    while isinstance(found, bytes) and len(found) < n_bytes:
        more = file.read(n_bytes - len(found))
        if not more:
            break
        found += more
    if not isinstance(found, bytes):
        raise ValueError("it is not open in binary mode")
    if len(found) != n_bytes:
        raise ValueError(f"it ends within {what}")
    return found
