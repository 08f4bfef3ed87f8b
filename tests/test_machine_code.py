# SPDX-License-Identifier: BSD-3-Clause
"""Compilers keep the micro-kernels as they are meant: in its inner loop each has the
multiply-adds of its tile, in the widest registers, and nothing goes by the stack.
"""

import platform
import re
import shutil
import sys
from typing import NamedTuple

import pytest
from compiled import CC, build, name_and_version
from shell import run

pytestmark = [
    pytest.mark.skipif(
        sys.platform != "linux" or platform.machine() != "x86_64",
        reason="knows the instructions of x86-64",
    ),
    pytest.mark.skipif(shutil.which("objdump") is None, reason="no objdump here"),
]


def up_to(most):
    return range(1, most + 1)


# Rows that a tile may have, by the vectors in each: gemm_<rows>x<vectors>; and rows by
# columns of the gradient's tiles of sums: dot_<rows>x<columns>.
FEW = {
    "gemm": {1: up_to(8), 2: up_to(6), 3: up_to(4), 8: [1]},
    "dot": {1: up_to(5), 2: up_to(5), 3: up_to(3)},
}
MANY = {
    "gemm": {1: up_to(8), 2: up_to(8), 3: up_to(8), 4: up_to(6), 8: up_to(2)},
    "dot": {1: [*up_to(5), 8], 2: [*up_to(5), 8], 3: up_to(5), 4: up_to(5)},
}
TILES = {"base": FEW, "avx2": FEW, "avx512": MANY}
REGISTER = {"base": "%xmm", "avx2": "%ymm", "avx512": "%zmm"}

# Without FMA a product needs a register of its own beside 12 sums, 3 vectors of B and
# one of A: one more than there are. gcc reads B twice instead.
SPILLS = {("clang", "base", "gemm_4x3")}

OTHER = "clang"


class Instruction(NamedTuple):
    address: int
    mnemonic: str
    operands: str

    def target(self):
        """Where a jump goes."""
        to = re.match(r"(?:0x)?([0-9a-f]+)\b", self.operands)
        return int(to[1], 16) if self.mnemonic[0] == "j" and to else None

    def is_packed(self, operation):
        """Whether it is that operation, a pattern, on vectors of either real type."""
        return re.fullmatch(f"v?{operation}p[sd]", self.mnemonic) is not None


def functions(obj):
    """The instructions of every function of an object, by its name."""
    found, body = {}, []
    for line in run("objdump", "-d", "--no-show-raw-insn", obj).splitlines():
        if head := re.fullmatch(r"[0-9a-f]+ <([^>]+)>:", line):
            body = found.setdefault(head[1], [])
        elif code := re.match(r"\s*([0-9a-f]+):\s+([a-z]\S*)\s*(.*)", line):
            body.append(Instruction(int(code[1], 16), code[2], code[3]))
    return found


def innermost_loops(body):
    """The instructions of each loop that has no other in it."""
    spans = [
        (jump.target(), jump.address)
        for jump in body
        if jump.target() is not None
        and body[0].address <= jump.target() <= jump.address
    ]
    for first, last in spans:
        if not any(
            first <= begin and end <= last and (begin, end) != (first, last)
            for begin, end in spans
        ):
            yield [code for code in body if first <= code.address <= last]


def multiply_adds(loop):
    """How many vectors of products a turn of the loop adds to its sums."""
    fused = sum(code.is_packed(r"fn?madd\d+") for code in loop)
    alone = [sum(code.is_packed(name) for code in loop) for name in ("mul", "add")]
    return fused + min(alone)


def touches_the_stack(code):
    """Whether an operand lies on the stack or in a frame."""
    return re.search(r"\(%r[sb]p", code.operands) is not None


@pytest.fixture(scope="module", params=["the wheel's", OTHER])
def compiler(request, built, tmp_path_factory):
    """A compiler's name and the folder of its objects."""
    name = name_and_version(CC).split()[0]
    if request.param != OTHER:
        return name, built
    if name == OTHER or shutil.which(OTHER) is None:
        pytest.skip(f"no second compiler, {OTHER}, here")
    return OTHER, build(tmp_path_factory.mktemp(OTHER), CC=OTHER)


@pytest.mark.parametrize("real", ["float", "double"])
@pytest.mark.parametrize("isa", TILES)
def test_tiles_hold_their_products_in_registers(isa, real, compiler):
    name, folder = compiler
    code = functions(folder / f"{isa}-{real}" / "kernels.o")
    for kind, shapes in TILES[isa].items():
        expected = {
            f"{kind}_{rows}x{columns}": rows * columns
            for columns in shapes
            for rows in shapes[columns]
        }
        tile = re.compile(rf"{kind}_\d+x\d+")
        assert {found for found in code if tile.fullmatch(found)} == set(expected)
        for function, products in expected.items():
            loop = max(innermost_loops(code[function]), key=multiply_adds)
            assert multiply_adds(loop) == products, function
            for instruction in loop:
                if instruction.is_packed(r"(fn?madd\d+|mul|add)"):
                    assert REGISTER[isa] in instruction.operands, function
            if (name, isa, function) not in SPILLS:
                assert not any(map(touches_the_stack, loop)), function
