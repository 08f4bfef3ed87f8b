# SPDX-License-Identifier: BSD-3-Clause
"""The long run: draw configurations by number, compare, print a summary.

    cd tests && python -m differential --configurations 10000 --jobs 2

A configuration is drawn from the seed and its own number alone, so that --only
repeats a single one.
"""

import argparse
import platform
import random
import sys

import numpy
import scipy
import sklearn
from joblib import Parallel, delayed

import nnfast
from nnfast import _core

from .compare import Verdict, compare
from .configuration import Configuration, draw
from .summary import Summary


def configuration(seed: int, number: int) -> Configuration:
    return draw(random.Random(f"{seed} {number}"))


def verdict(seed: int, number: int) -> Verdict:
    return compare(configuration(seed, number))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configurations", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number to begin with")
    parser.add_argument("--only", type=int, help="compare the one of this number")
    parser.add_argument("--jobs", type=int, default=1, help="processes (1)")
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.configurations)
    if options.only is not None:
        numbers = range(options.only, options.only + 1)
        print(configuration(options.seed, options.only))
    summary = Summary()
    verdicts = Parallel(n_jobs=options.jobs, return_as="generator", batch_size=20)(
        delayed(verdict)(options.seed, number) for number in numbers
    )
    for number, found in zip(numbers, verdicts):
        summary.add(configuration(options.seed, number), found)
        for difference in found.differences:
            print(f"{number}: {difference:.500}", flush=True)
    print(
        f"nnfast {nnfast.__version__} ({_core.isa}), scikit-learn"
        f" {sklearn.__version__}, NumPy {numpy.__version__}, SciPy"
        f" {scipy.__version__}, Python {platform.python_version()}; seed"
        f" {options.seed}, configurations {numbers.start} to {numbers.stop - 1}"
    )
    print(summary)
    return int(summary.n_different > 0)


if __name__ == "__main__":
    sys.exit(main())
