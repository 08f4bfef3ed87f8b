# SPDX-License-Identifier: BSD-3-Clause
"""Model files: an estimator to a file and back, complete or not at all."""

import contextlib
import math
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

from sklearn.utils.validation import check_is_fitted

from .._apart import copy_of_one_model
from .._conversion import is_own_class, ours_for
from .atomic import replacing
from .contents import ESTIMATORS, Model, described
from .safetensors import Allowance, data_of, header_of, parse_header, read_header


def save_model(estimator: Any, path: Any, with_optimizer: bool) -> None:
    """Write a fitted estimator: BaseMLP.save_model documents it."""
    check_is_fitted(estimator)
    name = type(estimator).__name__
    if not is_own_class(estimator):
        raise ValueError(
            f"save_model saves nnfast's own classes: the code of the subclass {name}"
            " would be lost"
        )
    with _named(f"this {name} cannot be saved"):
        buffers = _encoded(copy_of_one_model(estimator), with_optimizer)
    with _opened(path, replacing, "write") as file:
        for buffer in buffers:
            _write(file, buffer)


def load_model(path: Any) -> Any:
    """Open a model that ``save_model`` wrote, with this version of nnfast or an older.

    What is in the file is checked completely before anything is made of it: a file
    from a stranger is safe to open, which a pickle is not (see SECURITY.md).

    Parameters
    ----------
    path : str, path-like or binary file object
        A file object must be seekable, and hold the model from where it stands to its
        end.

    Returns
    -------
    nnfast.MLPClassifier or nnfast.MLPRegressor
        Its predictions have the same bits (on the same machine and instruction set),
        its parameters and fitted attributes are the same. NumPy's numbers among the
        parameters are Python's, arrays are lists.

    Raises
    ------
    ValueError
        When the file is not a whole, valid model; it says what is wrong.

    OSError
        When the file cannot be read.

    See Also
    --------
    MLPClassifier.save_model : The way there.

    Examples
    --------
    >>> import os
    >>> import tempfile
    >>> import nnfast
    >>> model = nnfast.MLPClassifier(solver="lbfgs", random_state=0)
    >>> model = model.fit([[0.0], [1.0]], ["low", "high"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     model.save_model(path)
    ...     loaded = nnfast.load_model(path)
    >>> loaded.predict([[0.1], [0.9]])
    array(['low', 'high'], dtype='<U4')
    """
    with _opened(path, lambda name: open(name, "rb"), "read") as file:
        named = "the file" if file is path else f"{os.fspath(path)!r}"
        with _named(f"{named} is no model that can be opened"):
            if not file.seekable():
                raise ValueError("it is not seekable; an io.BytesIO of its bytes is")
            return Model(read_header(file)).read(file)


def _encoded(estimator: Any, with_optimizer: bool) -> list[Any]:
    """The bytes of the file, piece by piece, checked as those of any file are."""
    kind = next(k for k, made in ESTIMATORS.items() if made is ours_for(estimator))
    metadata, arrays = described(estimator, kind, with_optimizer)
    data = [data_of(array) for array in arrays.values()]
    header = header_of(metadata, arrays)
    # The space that opening it takes must be justified by its size.
    needed, n_bytes = Allowance(math.inf), sum(map(len, data))
    Model(parse_header(header[8:].rstrip(b" "), 0, n_bytes, needed))
    n_spaces = needed.padding(len(header) + n_bytes)
    return [header_of(metadata, arrays, n_spaces), *data]


@contextlib.contextmanager
def _opened(path: Any, opener: Any, method: str) -> Iterator[BinaryIO]:
    """The file object that was given, or the one that ``opener`` makes of a path."""
    if hasattr(path, method):
        yield path
        return
    with opener(os.fspath(path)) as file:
        yield file


@contextlib.contextmanager
def _named(what: str) -> Iterator[None]:
    """Say of which model a ValueError speaks."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from error


def _write(file: BinaryIO, buffer: Any) -> None:
    """Write all of it; a raw file may take a part at a time."""
    left = memoryview(buffer)
    while len(left):
        n_written = file.write(left)
        left = left[len(left) if n_written is None else n_written :]
