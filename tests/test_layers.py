# SPDX-License-Identifier: BSD-3-Clause
"""The C sources stand in layers, and includes point downward only."""

import re
from pathlib import Path

import pytest

CSRC = Path(__file__).resolve().parents[1] / "csrc"

# One layer a line. A file may include its own header and those of the lines below
# its own. A new file is given its place here.
LAYERS = """
    py/module
    py/net_type py/prepared py/training
    py/detached py/epochs py/handover py/labels py/views
    py/core py/rows
    py/arrays py/fields
    evaluate predict train
    optim score
    batch order
    pass
    sparse
    span
    crew plan
    net settings
    loss
    activation threads
    paces
    dispatch pace system_posix system_windows
    system
    kernels/kernels
    kernels/dense kernels/gradient kernels/losses kernels/rows
    kernels/blocks kernels/gemm kernels/sparse
    kernels/activations kernels/dropout kernels/updates
    kernels/math kernels/shuffles kernels/wide
    kernels/vector
    kernels
    rng
    common
    nnfast
"""
DEPTH = {stem: i for i, line in enumerate(LAYERS.splitlines()) for stem in line.split()}

# What the core takes from the system: types, memory, mathematics and threads.
SYSTEM = (
    "stdbool.h stddef.h stdint.h limits.h float.h assert.h string.h math.h "
    "immintrin.h xmmintrin.h arm_neon.h pthread.h signal.h stdatomic.h time.h "
    "windows.h"
)

FILES = sorted(CSRC.rglob("*.[ch]"))
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


def stem(path):
    return path.relative_to(CSRC).with_suffix("").as_posix()


def includes(path):
    """Stems of the other files of ours that it includes, and names of the system's."""
    text = path.read_text(encoding="utf-8")
    found = re.findall(r'^\s*#\s*include\s+(["<])([^">]+)', text, re.MULTILINE)
    ours = {stem((path.parent / name).resolve()) for mark, name in found if mark == '"'}
    return ours - {stem(path)}, {name for mark, name in found if mark == "<"}


def test_every_file_has_a_layer():
    assert {stem(path) for path in FILES} == set(DEPTH)


@each_file
def test_includes_point_downward(path):
    ours, _ = includes(path)
    assert {other for other in ours if DEPTH[other] <= DEPTH[stem(path)]} == set()


@each_file
def test_the_parts_know_only_each_others_front(path):
    """The binding sees the public header, the core the table of kernels; Python, NumPy,
    allocation and files stay in the binding."""
    ours, system = includes(path)
    if stem(path).startswith("py/"):
        assert {other for other in ours if not other.startswith("py/")} <= {"nnfast"}
    else:
        assert system <= set(SYSTEM.split())
    if not stem(path).startswith("kernels/"):
        assert not any(other.startswith("kernels/") for other in ours)
