# SPDX-License-Identifier: BSD-3-Clause
"""Class labels as numbers, and the weights of classes.

scikit-learn's LabelBinarizer defines the classes and the kind of target; its one-hot
matrix is built only where a network has logistic outputs. Softmax outputs are trained
on class numbers.
"""

from functools import reduce
from typing import Any

import numpy as np
from sklearn.utils import compute_class_weight

from . import _core
from ._late import late
from ._pieces import by_rows, is_large, pieces, required


def binarizer(y: Any, classes: Any = None) -> Any:
    """A LabelBinarizer of y, or of the classes where they are given."""
    type_of_target = late("sklearn.utils.multiclass").type_of_target
    # Multi-label targets say themselves how many labels there are.
    if classes is not None and not type_of_target(y).startswith("multilabel"):
        y = classes
    found = _plain_classes(y)
    if found is None:
        return late("sklearn.preprocessing").LabelBinarizer().fit(y)
    # What fit makes of integers, without its three looks at y.
    return made_of(found, "binary" if len(found) <= 2 else "multiclass", False)


def made_of(classes: np.ndarray, y_type: str, sparse_input: bool) -> Any:
    """A fitted LabelBinarizer."""
    labels = late("sklearn.preprocessing").LabelBinarizer()
    labels.classes_, labels.y_type_ = classes, y_type
    labels.sparse_input_ = sparse_input
    return labels


def _is_plain(y: Any) -> bool:
    """Whether y is a column of integers, of which nothing else is to be known."""
    return type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "bi"


def _plain_classes(y: Any) -> np.ndarray | None:
    """The classes of plain integers; None where scikit-learn has to look at y.

    So it has at more than half as many classes as rows: it then has a warning to give.
    """
    if _is_plain(y):
        found = reduce(np.union1d, (np.unique(y[piece]) for piece in pieces(len(y))))
        if 2 * len(found) < len(y):
            return found
    return None


def are_the_same(classes: Any, known: Any) -> bool:
    """Whether few plain integers, in order, surely are the classes that are known."""
    return (
        _is_plain(classes)
        and type(known) is np.ndarray
        and classes.shape == known.shape
        # Of more than 20 labels of as many kinds scikit-learn warns.
        and 0 < len(classes) <= 20
        and bool((classes == known).all())
        and bool((classes[1:] > classes[:-1]).all())
    )


def check_known(y: np.ndarray, known: np.ndarray, *, same: bool) -> None:
    """ValueError for a class that is new, or with ``same`` for one that is missing."""
    if not same and _are_known(y, known):
        return
    classes = _plain_classes(y)
    if classes is None:
        classes = late("sklearn.utils.multiclass").unique_labels(y)
    found, expected = set(classes.tolist()), set(known.tolist())
    if same:
        if found != expected:
            raise ValueError(
                "warm_start can only be used where `y` has the same "
                "classes as in the previous call to fit. Previously "
                f"got {known}, `y` has {classes}"
            )
    elif not found <= expected:
        raise ValueError(
            "`y` has classes not in `self.classes_`. "
            f"`self.classes_` has {known}. 'y' has {classes}."
        )


def _are_known(y: np.ndarray, known: np.ndarray) -> bool:
    """Whether few int64 are surely known, by less than a sort of them."""
    # Of more classes than half the rows the caller is warned, in scikit-learn's words.
    few = not is_large(y.shape[0]) and 2 * len(known) < y.shape[0]
    return few and _core.class_numbers(y, known) is not None


def encode(y: np.ndarray, labels: Any, dtype: Any) -> tuple[np.ndarray, int, str]:
    """Targets as the core wants them, number of outputs, output activation."""
    if labels.y_type_ == "multiclass":
        if y.ndim != 1:
            raise ValueError("The object was not fitted with multilabel input.")

        def number(part: np.ndarray) -> np.ndarray:
            numbers = _core.class_numbers(part, labels.classes_)
            if numbers is None:  # other labels than int64
                numbers = labels.classes_.searchsorted(part)
            return numbers.astype(np.int64, copy=False)

        return by_rows(number, y, 1), len(labels.classes_), "softmax"
    if labels.y_type_ == "binary" and y.ndim == 1:
        # What labels.transform(y) gives, without its second look at y.
        if len(labels.classes_) == 1:
            return np.zeros((len(y), 1), dtype), 1, "logistic"

        def is_second(part: np.ndarray) -> np.ndarray:
            return (part == labels.classes_[1]).astype(dtype)[:, np.newaxis]

        return by_rows(is_second, y, 1), 1, "logistic"
    targets = labels.transform(y)
    return required(targets, dtype), targets.shape[1], "logistic"


def decode(outputs: np.ndarray, labels: Any) -> np.ndarray:
    """The label of each row, as labels.inverse_transform gives it."""
    n_outputs = 1 if labels.y_type_ == "binary" else len(labels.classes_)
    if outputs.shape[1] != n_outputs:
        raise ValueError(
            f"coefs_[-1] must have {n_outputs} columns for the classes"
            f" {labels.classes_}; got {outputs.shape[1]}."
        )
    if labels.y_type_ == "multiclass":
        return labels.classes_.take(outputs.argmax(axis=1))
    if labels.y_type_ == "binary" and len(labels.classes_) == 2:
        return labels.classes_.take(outputs[:, 0] > 0.5)
    if outputs.shape[1] == 1:
        outputs = outputs.ravel()
    return labels.inverse_transform(outputs)


def row_weights(
    class_weight: Any, classes: np.ndarray, given: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """The weight of each row's class, from its label as given and as encoded."""
    try:
        weights = compute_class_weight(class_weight, classes=classes, y=given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"class_weight={class_weight!r}: {error}") from error
    if not np.isfinite(weights).all():
        raise ValueError(f"class_weight must hold finite numbers; got {class_weight}.")
    rows = weights[y.astype(np.intp).ravel()]
    if not rows.any():
        raise ValueError(
            f"class_weight={class_weight} gives every row of y a weight of zero."
        )
    return rows
