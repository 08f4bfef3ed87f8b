# SPDX-License-Identifier: BSD-3-Clause
"""What a call that fails says."""

from typing import Any

from ._scikit_learn import validate_parameters

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large"
    " values and need to be preprocessed."
)


class BadParameterNamed:
    """Say which parameter is bad where what the block does may have failed by one.

    As in scikit-learn, a ``partial_fit`` after the first does not look at parameters:
    one that was set in between shows itself where it is used.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if isinstance(error, Exception):
            validate_parameters(self.estimator)
