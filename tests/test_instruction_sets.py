# SPDX-License-Identifier: BSD-3-Clause
"""Each instruction set can be forced and learns the same; what cannot be used is named,
and a CPU that has none of them runs the baseline.
"""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from compiled import PRELOADED
from shell import run

from nnfast import _core

# Prints the set in use, and a model's outputs.
LEARN = """if True:
    import sys
    import numpy as np
    import nnfast
    from nnfast import _core
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 7))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    model = nnfast.MLPClassifier((21, 9), random_state=0, batch_size=16)
    for epoch in range(5):
        model.partial_fit(X, y, classes=[0, 1])
    print(_core.isa, *model.predict_proba(X)[:, 1].tolist())
"""


def learnt(said):
    """The set in use, and the outputs."""
    isa, *outputs = said.split()
    return isa, np.array(outputs, float)


def in_use(value):
    """The set in use and the warnings, with that value of NNFAST_ISA."""
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "always",
            "-c",
            "from nnfast import _core as c;print(c.isa)",
        ],
        env=os.environ | {"NNFAST_ISA": value},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip(), done.stderr


@pytest.mark.parametrize("isa", _core.isas)
def test_each_is_forced_and_learns_the_same(isa):
    # Twenty steps of 0.001 at most, along gradients of which each is off by some ten
    # eps: 1e-16 a step and weight, of which 36 make an output.
    used, outputs = learnt(run(sys.executable, "-c", LEARN, NNFAST_ISA=isa))
    assert used == isa
    _, expected = learnt(run(sys.executable, "-c", LEARN, NNFAST_ISA="base"))
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("value", [*_core.isas, ""])
def test_a_value_that_can_be_used_goes_without_a_word(value):
    assert in_use(value) == (value or _core.isas[-1], "")


@pytest.mark.parametrize(
    "value", ["mmx", "AVX2", "base ", "avx2,base", "%s%n", "\udcff"]
)
def test_another_is_named_and_so_is_what_is_used_instead(value):
    used, said = in_use(value)
    assert used == _core.isas[-1]
    shown = value.replace("\udcff", "\ufffd")
    assert f"RuntimeWarning: NNFAST_ISA='{shown}' is not an instruction set" in said
    assert f"using '{used}' instead" in said
    assert said.count("Warning") == 1


# OpenBLAS guesses from more than CPUID what a CPU has, and is wrong in qemu.
EMULATED = ["qemu-x86_64", "-cpu", "Nehalem", "-E", "OPENBLAS_CORETYPE=Nehalem"]

emulates = pytest.mark.skipif(
    "avx2" not in _core.isas or shutil.which(EMULATED[0]) is None or PRELOADED,
    reason="emulates an x86-64 without AVX by qemu-x86_64, which cannot be had here",
)


@emulates
@pytest.mark.parametrize("program", ["train", "steps"])
def test_programs_on_a_cpu_without_avx(program, built):
    assert "passed, 0 failed" in run(*EMULATED, built / program)


@emulates
def test_a_cpu_without_avx_runs_the_baseline():
    """Bit for bit as where it is forced, though what is asked for is not there."""
    command = [*EMULATED, sys.executable, "-W", "ignore", "-c", LEARN]
    used, outputs = learnt(run(*command, NNFAST_ISA="avx2"))
    _, expected = learnt(run(sys.executable, "-c", LEARN, NNFAST_ISA="base"))
    assert used == "base"
    assert outputs.tobytes() == expected.tobytes()
