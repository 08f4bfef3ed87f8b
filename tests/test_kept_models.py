# SPDX-License-Identifier: BSD-3-Clause
"""Files and pickles that earlier versions wrote open, and predict what they did."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

import nnfast
from nnfast import _pickles
from nnfast._model_files import contents

KEPT = Path(__file__).parent / "kept"

# In float32 and in float64: rounding of sums of a few products of numbers near one,
# which another instruction set takes in another order.
CLOSE = {np.float32: 1e-5, np.float64: 1e-13}


def kept(pattern):
    return sorted(path.relative_to(KEPT).as_posix() for path in KEPT.glob(pattern))


def check(model, path):
    """It predicts what was noted, and training goes on."""
    noted = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    dtype = model.coefs_[0].dtype.type
    rows = np.array(noted.pop("X"), dtype)
    for method, expected in noted.items():
        found = getattr(model, method)(rows)
        if found.dtype.kind == "f":
            np.testing.assert_allclose(found, expected, rtol=CLOSE[dtype])
        else:
            assert found.tolist() == expected
    before = model.t_
    if model.solver != "lbfgs":
        model.set_params(early_stopping=False)
        model.partial_fit(rows, model.predict(rows))
        assert model.t_ == before + len(rows)
    assert model._optimizer is not None or model.solver == "lbfgs"


@pytest.mark.parametrize("path", kept("*/*.safetensors"))
def test_a_file(path):
    check(nnfast.load_model(KEPT / path), KEPT / path)


# Schema 0 held an object of scikit-learn's, which knows its version.
@pytest.mark.filterwarnings("ignore:Trying to unpickle estimator LabelBinarizer")
@pytest.mark.parametrize("path", kept("pickle-0/*.pickle"))
def test_a_pickle_from_before_there_were_schemas(path):
    check(pickle.loads((KEPT / path).read_bytes()), KEPT / path)


@pytest.mark.parametrize("path", kept("pickle-[1-9]*/*.pickle"))
def test_a_pickle(path):
    check(pickle.loads((KEPT / path).read_bytes()), KEPT / path)


def test_every_version_is_kept():
    versions = range(1, contents.VERSION + 1)
    assert {path.split("/")[0] for path in kept("*/*.safetensors")} >= {
        f"file-{version}" for version in versions
    }
    schemas = range(_pickles.SCHEMA + 1)
    assert {path.split("/")[0] for path in kept("*/*.pickle")} >= {
        f"pickle-{schema}" for schema in schemas
    }
