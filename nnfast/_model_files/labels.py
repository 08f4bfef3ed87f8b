# SPDX-License-Identifier: BSD-3-Clause
"""The classes of a classifier and the names of features in a model file."""

from typing import Any

import numpy as np

from .. import _labels
from .safetensors import Contents
from .values import document, from_lines, known, lines, parsed

_TYPES = ["bool", "float16", "float32", "float64"] + [
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
]


def labels_of(estimator: Any) -> tuple[str, str]:
    """What the labels are, and the classes one a line."""
    labels = estimator._label_binarizer
    classes = labels.classes_
    if not np.array_equal(classes, estimator.classes_):
        raise ValueError("classes_ were assigned: they are not those of the fit")
    text = classes.dtype.kind == "U"
    if not text and classes.dtype.name not in _TYPES:
        raise ValueError(
            f"classes of type {classes.dtype} cannot be stored in a model file"
        )
    facts = {
        "target": labels.y_type_,
        "sparse": bool(labels.sparse_input_),
        "type": "text" if text else classes.dtype.name,
    }
    values = classes.tolist()
    return document(facts), lines(values if text else map(_text, values), "classes_")


def check_labels(contents: Contents, output: str, n_outputs: int) -> dict[str, Any]:
    """The attributes."""
    facts = parsed(contents, "labels")
    known(facts, ("target", "sparse", "type"), "labels")
    classes = _array(contents, from_lines(contents, "classes"), facts["type"])
    n = len(classes)
    # The output activation, and the number of outputs.
    possible = {
        "binary": ("logistic", 1) if n <= 2 else None,
        "multiclass": ("softmax", n),
        "multilabel-indicator": ("logistic", n) if n > 1 else None,
    }
    target, sparse = facts["target"], facts["sparse"]
    if not isinstance(target, str) or target not in possible:
        raise ValueError(f"target must be one of {sorted(possible)}")
    if possible[target] != (output, n_outputs):
        raise ValueError(
            f"a {target} target of {n} classes does not go with {n_outputs} outputs,"
            f" {output}"
        )
    if not isinstance(sparse, bool):
        raise ValueError("sparse must be true or false")
    labels = _labels.made_of(classes, target, sparse)
    return {"classes_": classes, "_label_binarizer": labels}


def _array(contents: Contents, texts: list[str], of_type: Any) -> np.ndarray:
    if of_type == "text":
        longest = max(1, *map(len, texts))
        contents.allowance.take(4 * longest * len(texts), "classes")
        classes = np.array(texts, dtype=f"U{longest}")
    elif isinstance(of_type, str) and of_type in _TYPES:
        contents.allowance.take(120 * len(texts), "classes")
        classes = _numbers(texts, np.dtype(of_type))
    else:
        raise ValueError(f"the type of labels must be one of {['text', *_TYPES]}")
    if not (classes[:-1] < classes[1:]).all():
        raise ValueError("classes must be in order, each once")
    return classes


def _numbers(texts: list[str], dtype: np.dtype[Any]) -> np.ndarray:
    """Numbers of the type, each written as Python does and no other way."""
    read: Any = {"b": "true".__eq__, "i": int, "u": int, "f": float}[dtype.kind]
    try:
        values = np.array([read(text) for text in texts], dtype)
    except (OverflowError, ValueError):
        values = np.empty(0, dtype)
    if [_text(value) for value in values.tolist()] != texts:
        raise ValueError(f"classes are not all written as {dtype}")
    return values


def _text(value: Any) -> str:
    return repr(value).lower() if isinstance(value, bool) else repr(value)


def feature_names_of(estimator: Any) -> str:
    """One name a line."""
    return lines(estimator.feature_names_in_, "feature_names_in_")


def check_feature_names(contents: Contents, n_inputs: int) -> np.ndarray:
    """The attribute."""
    names = from_lines(contents, "feature_names")
    if len(names) != n_inputs:
        raise ValueError(f"there are {len(names)} feature_names for {n_inputs} inputs")
    return np.array(names, dtype=object)
