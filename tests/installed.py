# SPDX-License-Identifier: BSD-3-Clause
"""Programs in interpreters of their own, where nnfast may take scikit-learn's place."""

import sys
from inspect import cleandoc

from shell import run

# What programs begin with that need data and a short fit.
PREAMBLE = """
import warnings
import numpy as np
from sklearn.exceptions import ConvergenceWarning
warnings.simplefilter("error")
warnings.simplefilter("ignore", ConvergenceWarning)
rng = np.random.RandomState(0)
X, y, t = rng.normal(size=(60, 4)), rng.randint(0, 3, 60), rng.normal(size=60)
SMALL = dict(hidden_layer_sizes=(5,), max_iter=4, random_state=0)
"""


def python(program, *arguments, **environment):
    """Output of a program in an interpreter of its own."""
    source = cleandoc(program)
    return run(sys.executable, "-c", source, *map(str, arguments), **environment)
