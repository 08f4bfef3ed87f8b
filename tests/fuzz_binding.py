# SPDX-License-Identifier: BSD-3-Clause
"""Fuzz the binding: any junk in any argument is refused in words, or taken.

    pip install atheris
    python tests/fuzz_binding.py [-runs=100000] [-seed=1] [FOLDER]

Arguments are libFuzzer's; FOLDER collects inputs that reach something new. What holds
is said in test_core_junk.py: the first byte of an input chooses one of its tests, and
Hypothesis makes the arguments of the rest. libFuzzer sees what they reach in a binding
that was built for it, as .ci/atheris does.
"""

import sys

import atheris
import test_core_junk

TESTS = [
    test.hypothesis.fuzz_one_input
    for name, test in sorted(vars(test_core_junk).items())
    if name.startswith("test_")
]


def one_input(raw):
    if raw:
        TESTS[raw[0] % len(TESTS)](raw[1:])


def main():
    options = ["-max_len=2000", "-len_control=0", "-timeout=20", "-runs=100000"]
    atheris.Setup([sys.argv[0], *options, *sys.argv[1:]], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
