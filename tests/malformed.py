# SPDX-License-Identifier: BSD-3-Clause
"""What opening damaged or hostile model files answers, and what it costs.

test_malformed_files.py and fuzz_model_files.py use it, and reliability/files.py, which
changes every byte of every file.
"""

import contextlib
import io
import tracemalloc
import warnings

import numpy as np
from model_corpus import corpus, saved

import nnfast


def seeds():
    """The corpus as files by name, with the states of optimizers."""
    return {name: saved(model, optimizer=True) for name, (model, _) in corpus().items()}


def opened(raw):
    """The model that a file is, or None where it is refused; nothing else may come."""
    try:
        model = nnfast.load_model(io.BytesIO(raw))
    except ValueError:
        return None
    check(model)
    return model


def check(model):
    """A model that was opened can be used."""
    rows = np.zeros((2, model.n_features_in_), model.coefs_[0].dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # there may be names of features
        assert model.predict(rows).shape[0] == 2
        if hasattr(model, "predict_proba"):
            assert model.predict_proba(rows).shape == (2, len(model.classes_))


def memory(raw):
    """Bytes that opening takes at its peak, beside the file's own.

    What a first time takes for itself (modules, caches) has to be taken before.
    """
    file = io.BytesIO(raw)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    with contextlib.suppress(ValueError):
        nnfast.load_model(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - before


def allowed(raw):
    """Bytes that it may take."""
    return 2 * len(raw) + 1_000_000


def changes(raw, masks, step=1):
    """The file with bits of each byte changed by each mask, then cut at each length."""
    for i, byte in list(enumerate(raw))[::step]:
        for mask in masks:
            yield raw[:i] + bytes([byte ^ mask]) + raw[i + 1 :]
    for length in range(0, len(raw), step):
        yield raw[:length]
