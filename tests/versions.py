# SPDX-License-Identifier: BSD-3-Clause
"""Run the tests with every scikit-learn, NumPy and Python that nnfast supports.

    python tests/versions.py [PYTHON ...]

For each interpreter (the running one if none is named) one wheel is built, and for
each pair of VERSIONS an environment is made that has them, the newest SciPy that goes
with them and the wheel. A table of the results comes last; all that was made goes to
a scratch folder. The tests are the same everywhere, but for those of what no version
can change: building, the C programs, the benchmarks.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# scikit-learn and NumPy, the newest of each first.
VERSIONS = [
    ("1.9.*", "2.*"),
    ("1.9.*", "1.26.*"),
    ("1.8.*", "2.*"),
    ("1.8.*", "1.26.*"),
    ("1.7.*", "2.*"),
    ("1.7.*", "1.26.*"),
]
NEWEST_PYTHON_OF_NUMPY_1 = (3, 12)  # there are no wheels for later ones

LEFT_OUT = ["test_packaging.py", "test_c_api.py", "test_tutorials.py"]

INSTALLED = """
import platform, numpy, scipy, sklearn
print(platform.python_version(), sklearn.__version__, numpy.__version__,
      scipy.__version__)
"""


def output(*command, **more):
    """What the command prints."""
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, **more
    ).stdout


def environment(python, folder, *requirements):
    """An environment with the requirements; the folder of its programs."""
    output(python, "-m", "venv", folder)
    programs = folder / "bin"
    output(programs / "pip", "install", "--quiet", "--upgrade", "pip", *requirements)
    return programs


def run_tests(programs, scratch):
    """The last line that pytest prints, and whether every test passed."""
    left_out = [f"--ignore={ROOT / 'tests' / name}" for name in LEFT_OUT]
    done = subprocess.run(
        [programs / "pytest", "-q", "-p", "no:cacheprovider", *left_out, ROOT],
        cwd=scratch,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode != 0:
        print(done.stdout, flush=True)
    return done.stdout.rstrip().rpartition("\n")[2].strip("= "), done.returncode == 0


def pairs(python):
    """Those of VERSIONS that the interpreter can have."""
    code = "import sys; print(*sys.version_info[:2])"
    version = tuple(map(int, output(python, "-c", code).split()))
    for scikit_learn, numpy in VERSIONS:
        if numpy != "1.26.*" or version <= NEWEST_PYTHON_OF_NUMPY_1:
            yield scikit_learn, numpy


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("python", nargs="*", default=[sys.executable])
    rows, all_passed = [], True
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        for i, python in enumerate(parser.parse_args().python):
            pip = environment(python, scratch / f"build-{i}") / "pip"
            wheels = scratch / f"wheel-{i}"
            output(pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, ROOT)
            (wheel,) = wheels.glob("*.whl")
            for scikit_learn, numpy in pairs(python):
                programs = environment(
                    python,
                    scratch / f"{i}-{scikit_learn[:-2]}-{numpy[:-2]}",
                    f"nnfast[test] @ {wheel.as_uri()}",
                    f"scikit-learn=={scikit_learn}",
                    f"numpy=={numpy}",
                )
                installed = output(programs / "python", "-c", INSTALLED).split()
                result, passed = run_tests(programs, scratch)
                rows.append([*installed, result])
                all_passed &= passed
                print(*rows[-1], flush=True)
    print("\n| Python | scikit-learn | NumPy | SciPy | tests |")
    print("| --- | --- | --- | --- | --- |")
    for row in rows:
        print("|", " | ".join(row), "|")
    return 0 if all_passed else 1


if __name__ == "__main__":
    sys.exit(main())
