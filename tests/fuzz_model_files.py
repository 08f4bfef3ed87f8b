# SPDX-License-Identifier: BSD-3-Clause
"""Fuzz the reader of model files: a file that it takes is a model, all else ValueError.

    pip install atheris
    python tests/fuzz_model_files.py [-runs=1000000] [-seed=1] [FOLDER]

Arguments are libFuzzer's; FOLDER collects inputs that reach something new. Most inputs
are files of the corpus in which values of the header or of a JSON text in it were
replaced, taken away, doubled or swapped, or numbers in the data; others are bytes that
libFuzzer changes as it likes. Every 20th is measured by tracemalloc. An input that
breaks a rule is written to a file and ends the run, as does one that takes 5 s or a
gigabyte.
"""

import json
import random
import struct
import sys
import time
import zlib
from pathlib import Path

import atheris

# What saving and opening import is instrumented too.
with atheris.instrument_imports(include=["nnfast"]):
    from malformed import allowed, memory, opened, seeds

    SEEDS = sorted(seeds().values())

REPORT_EVERY = 100_000
MEASURE_EVERY = 20

VALUES = [
    *(None, True, False, 0, 1, -1, 2, 3, 624, 625, 255, 256, 2**31, 2**32, 2**53),
    *(2**62, 2**63 - 1, 2**63, 2**64, 10**30, 0.0, 0.5, 1.0, -1.0, 1e308, 5e-324),
    *("", "a", "inf", "nan", "auto", "relu", "softmax", "logistic", "exp", "adam"),
    *("sgd", "lbfgs", "balanced", "binary", "multiclass", "multilabel-indicator"),
    *("text", "bool", "int8", "uint64", "float16", "true", "false", "F32", "F64"),
    *("U32", "classifier", "regressor", "nnfast", "1", "2", "\\", "\\n", "\n", "a\nb"),
    *("0\n1", "\u0000", "\ud83d\ude00", "x" * 1000, [], {}, [0], [[]], [0, 0], {"": 0}),
    *({"tuple": [2]}, {"list": ["relu"]}, {"dict": [["a", 1]]}, {"float": "inf"}),
    *({"position": 1, "has_gauss": 0, "gauss": 0.5}, {"widths": [4, 1]}),
]


class Counts:
    """What came of the inputs so far."""

    def __init__(self):
        self.began = time.monotonic()
        self.runs = self.models = self.refused = self.measured = 0
        self.highest = 0.0  # share of the memory that is allowed
        self.slowest = 0.0

    def report(self):
        seconds = time.monotonic() - self.began
        print(
            f"{self.runs} files in {seconds:.0f} s: {self.refused} refused,"
            f" {self.models} models, nothing else; slowest {1000 * self.slowest:.0f}"
            f" ms; memory of {self.measured} measured, at most"
            f" {100 * self.highest:.0f} % of what is allowed",
            flush=True,
        )


counts = Counts()


def one_input(raw):
    try:
        check(raw)
    except BaseException:
        path = Path(f"broke-{zlib.crc32(raw):08x}.safetensors")
        path.write_bytes(raw)
        print(f"written to {path}", flush=True)
        raise


def check(raw):
    began = time.monotonic()
    if opened(raw) is None:
        counts.refused += 1
    else:
        counts.models += 1
    counts.slowest = max(counts.slowest, time.monotonic() - began)
    counts.runs += 1
    if counts.runs % MEASURE_EVERY == 0:
        used = memory(raw)
        assert used <= allowed(raw), f"{used} bytes for a file of {len(raw)}"
        counts.measured += 1
        counts.highest = max(counts.highest, used / allowed(raw))
    if counts.runs % REPORT_EVERY == 0:
        counts.report()


# ---- mutations that know the layout ----


def places(value, found):
    """Every holder and key within a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        found.append((value, key))
        if isinstance(inner, (dict, list)):
            places(inner, found)
    return found


def change_value(value, draw):
    """Replace, remove, double or swap something within a JSON value."""
    found = places(value, [])
    if not found:
        return
    holder, key = draw.choice(found)
    how = draw.randrange(6)
    if how == 0 and isinstance(holder, dict):
        holder[draw.choice(["a", "widths", "dtype", key + "_"])] = holder.pop(key)
    elif how == 1:
        del holder[key]
    elif how == 2 and isinstance(holder, list):
        holder.extend([holder[key]] * draw.choice([1, 10, 1000]))
    elif how == 3:
        other, there = draw.choice(found)
        holder[key], other[there] = other[there], holder[key]
    elif how == 4 and type(holder[key]) is int:
        holder[key] += draw.choice([-8, -4, -1, 1, 4, 8])
    else:
        holder[key] = draw.choice(VALUES)


def change_header(header, draw):
    """The text of a header with some of it changed."""
    metadata = header.get("__metadata__")
    if isinstance(metadata, dict) and metadata and draw.random() < 0.7:
        name = draw.choice(sorted(metadata))
        try:
            inner = json.loads(metadata[name])
            change_value(inner, draw)
            metadata[name] = json.dumps(inner)
        except (TypeError, ValueError, RecursionError):
            metadata[name] = draw.choice(VALUES)
    else:
        change_value(header, draw)
    text = json.dumps(header)
    if draw.random() < 0.05:
        at = draw.randrange(len(text))
        text = (
            text[:at] + draw.choice('{}[]",:\\ 0aNI') + text[at + draw.randrange(2) :]
        )
    return text.encode()


def change_data(data, draw):
    """Numbers in the data, or its length."""
    data = bytearray(data)
    if draw.random() < 0.2:
        return bytes(data[: draw.randrange(len(data) + 1)]) + bytes(draw.choice([0, 8]))
    for _ in range(draw.randrange(1, 4)):
        at = 8 * draw.randrange(max(1, len(data) // 8))
        value = draw.choice([0.0, 1e308, float("nan"), float("inf"), -1.0])
        data[at : at + 8] = struct.pack("<d", value)
    return bytes(data)


def mutated(raw, max_size, seed):
    """libFuzzer's custom mutator."""
    draw = random.Random(seed)
    if draw.random() < 0.2:
        return atheris.Mutate(raw, max_size)
    if draw.random() < 0.3:
        raw = draw.choice(SEEDS)
    end = 8 + int.from_bytes(raw[:8], "little")
    text, data = raw[8:end], raw[end:]
    for _ in range(draw.choice([1, 1, 1, 2, 4])):
        try:
            if draw.random() < 0.85:
                text = change_header(json.loads(text), draw)
            else:
                data = change_data(data, draw)
        except (AttributeError, TypeError, ValueError, RecursionError):
            break  # what it was changed into before has no such parts
    return (struct.pack("<Q", len(text)) + text + data)[:max_size]


def main():
    for raw in SEEDS:
        assert opened(raw) is not None
        memory(raw)
    options = ["-max_len=20000", "-timeout=5", "-rss_limit_mb=1024", "-runs=1000000"]
    atheris.Setup(
        [sys.argv[0], *options, *sys.argv[1:]], one_input, custom_mutator=mutated
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
