# SPDX-License-Identifier: BSD-3-Clause
"""What a call that fails says."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ._scikit_learn import validate_parameters

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large"
    " values and need to be preprocessed."
)


@contextmanager
def bad_parameter_named(estimator: Any) -> Iterator[None]:
    """Say which parameter is bad where a failure may have come of one.

    As in scikit-learn, a ``partial_fit`` after the first does not look at parameters:
    one that was set in between shows itself where it is used.
    """
    try:
        yield
    except Exception:
        validate_parameters(estimator)
        raise
