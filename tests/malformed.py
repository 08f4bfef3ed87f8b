# SPDX-License-Identifier: BSD-3-Clause
"""What opening damaged or hostile model files answers, and what it costs.

    python tests/malformed.py [--flips 255]

writes every single-byte change and every truncation of every file of the corpus (with
--flips, how many of the 255 other values each byte gets), opens each and prints what
came of them. test_malformed_files.py does the same in every fifth place.
"""

import argparse
import collections
import contextlib
import io
import tracemalloc
import warnings

import numpy as np
from model_corpus import corpus

import nnfast


def seeds():
    """The corpus as files by name, with the states of optimizers."""
    files = {}
    for name, (model, _) in corpus().items():
        file = io.BytesIO()
        model.save_model(file, optimizer=True)
        files[name] = file.getvalue()
    return files


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


def changes(raw, flips, step=1):
    """The file with each byte changed to so many others, then cut at each length."""
    for i, byte in list(enumerate(raw))[::step]:
        for k in range(flips):
            # With fewer than 255, other bits in every place.
            other = byte ^ (1 + (k if flips == 255 else (i * 37 + k * 101) % 255))
            yield raw[:i] + bytes([other]) + raw[i + 1 :]
    for length in range(0, len(raw), step):
        yield raw[:length]


def main(flips):
    answers = collections.Counter()
    for name, raw in seeds().items():
        found = collections.Counter()
        for changed in changes(raw, flips):
            found["refused" if opened(changed) is None else "a valid model"] += 1
        print(f"{name} ({len(raw)} bytes): {dict(found)}", flush=True)
        answers += found
    print(f"{answers.total()} files: {dict(answers)}, nothing else")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--flips", type=int, default=255, help="of 255 for each byte")
    main(parser.parse_args().flips)
