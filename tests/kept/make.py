# SPDX-License-Identifier: BSD-3-Clause
"""Write models of this version, which test_kept_models.py opens ever after.

    python tests/kept/make.py

adds a folder for the version of model files and one for the schema of pickles, if they
are not there: what is there is never changed. Beside each model is a .json with rows
and what the model made of them. To be run with the oldest NumPy and scikit-learn that
nnfast takes: a pickle of an array opens in later versions of NumPy, not in earlier.
"""

import json
import pickle
import warnings
from pathlib import Path

import numpy as np

import nnfast
from nnfast import _pickles
from nnfast._model_files import contents

rng = np.random.RandomState(0)
X = rng.normal(size=(40, 3))
target = X[:, 0] - X[:, 1] ** 2
thirds = np.digitize(target, np.quantile(target, [1 / 3, 2 / 3]))
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 5, "random_state": 0}


def classifier(y, **parameters):
    return nnfast.MLPClassifier(**{**SMALL, **parameters}).fit(X, y)


def regressor(X, y, **parameters):
    return nnfast.MLPRegressor(**{**SMALL, **parameters}).fit(X, y)


def models():
    """By name, with the rows that they predict."""
    words = np.array(["low", "middling", "größer\n"])[thirds]
    yield "words", classifier(words).partial_fit(X, words), X
    yield (
        "integers",
        classifier(thirds * 5 - 7, solver="sgd", early_stopping=True, dropout=[0.25]),
        X,
    )
    yield "booleans", classifier(thirds == 1, solver="lbfgs", class_weight={True: 2}), X
    multilabel = np.column_stack([thirds > 0, thirds > 1]).astype(int)
    yield "multilabel", classifier(multilabel, loss="squared_error"), X
    single = X.astype(np.float32)
    two = np.column_stack([target, -target])
    deep = {"hidden_layer_sizes": [3, 2], "activation": ["gelu", "tanh"]}
    yield "two-targets", regressor(single, two, **deep), single
    yield (
        "linear",
        regressor(X, np.exp(target), hidden_layer_sizes=(), loss="poisson", alpha=0.5),
        X,
    )
    seeded = {"random_state": np.random.RandomState(1), "solver": "sgd"}
    yield "huber", regressor(X, target, loss="huber", huber_delta=0.5, **seeded), X


def write_pickle(model, path):
    path.with_suffix(".pickle").write_bytes(pickle.dumps(model, protocol=4))


def write_file(model, path):
    model.save_model(path.with_suffix(".safetensors"), optimizer=True)


def note(model, rows, path):
    """What the model makes of a few rows."""
    said = {"X": rows.tolist(), "predict": model.predict(rows).tolist()}
    if hasattr(model, "predict_proba"):
        said["predict_proba"] = model.predict_proba(rows).tolist()
    path.with_suffix(".json").write_text(json.dumps(said) + "\n", encoding="utf-8")


def main():
    here = Path(__file__).parent
    for folder, write in {
        here / f"file-{contents.VERSION}": write_file,
        here / f"pickle-{_pickles.SCHEMA}": write_pickle,
    }.items():
        if folder.exists():
            print(f"{folder} is there, and stays as it is")
            continue
        folder.mkdir()
        for name, model, rows in models():
            write(model, folder / name)
            note(model, rows[:4], folder / name)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
