# SPDX-License-Identifier: BSD-3-Clause
"""A model that was saved as a file and opened is the same model, to the last bit."""

import io
import json
import pathlib
import re

import numpy as np
import pytest
import scipy.sparse
from model_corpus import COLUMNS, X, corpus, described, equal, reopened, saved
from safetensors.numpy import load as load_tensors
from sklearn import neural_network

import nnfast

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0}
each_model = pytest.mark.parametrize("name", corpus())


def attributes(model):
    """Public ones; and those that training goes on from."""
    private = ("_no_improvement_count",)
    return {
        name: value
        for name, value in vars(model).items()
        if not name.startswith("_") or name in private
    }


# ---- what comes back ----


@each_model
def test_predictions_have_the_same_bits(name):
    model, rows = corpus()[name]
    loaded = reopened(model)
    assert type(loaded) is type(model)
    for method in ("predict", "predict_proba", "predict_log_proba"):
        if hasattr(model, method):
            before, after = (getattr(m, method)(rows) for m in (model, loaded))
            if scipy.sparse.issparse(before):
                assert type(before) is type(after)
                before, after = before.toarray(), after.toarray()
            assert equal(before, after)


@each_model
def test_parameters_and_attributes_are_the_same(name):
    model, _ = corpus()[name]
    loaded = reopened(model)
    assert equal(loaded.get_params(), model.get_params())
    assert equal(attributes(loaded), attributes(model))
    assert loaded._optimizer is None
    if hasattr(model, "_label_binarizer"):
        assert equal(vars(loaded._label_binarizer), vars(model._label_binarizer))


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_training_goes_on_bit_for_bit_with_the_optimizer(solver, dtype):
    rows, target = X.astype(dtype), X[:, 0] > 0
    model = nnfast.MLPClassifier(
        **SMALL | {"random_state": np.random.RandomState(3)},
        solver=solver,
        learning_rate="invscaling",
        dropout=0.3,
    ).fit(rows, target)
    loaded, fresh = reopened(model, optimizer=True), reopened(model)
    for each in (model, loaded, fresh):
        for _ in range(3):
            each.partial_fit(rows, target)
    assert equal(attributes(loaded), attributes(model))
    assert equal(loaded._optimizer.moments, model._optimizer.moments)
    assert not equal(fresh.coefs_, model.coefs_)


def test_without_the_optimizer_a_new_one_begins():
    """As with a new network of the same weights, but counters and curve go on."""
    model = nnfast.MLPRegressor(**SMALL).fit(X, X[:, 0])
    loaded = reopened(model)
    start = [array.copy() for array in model.coefs_], model.intercepts_
    begun = nnfast.MLPRegressor(**SMALL, init=start).partial_fit(X, X[:, 0])
    loaded.partial_fit(X, X[:, 0])
    # ``begun`` draws nothing for its weights, the order of rows is the same.
    assert equal(loaded.coefs_, begun.coefs_)
    assert loaded.t_ == model.t_ + len(X)
    assert loaded.loss_curve_[:2] == model.loss_curve_


def test_a_warm_fit_goes_on():
    target = X[:, 0]
    for parameters in ({"early_stopping": True}, {"solver": "lbfgs"}, {}):
        model = nnfast.MLPRegressor(**SMALL, **parameters, warm_start=True)
        model.fit(X, target)
        loaded = reopened(model)
        assert equal(
            attributes(loaded.fit(X, target)), attributes(model.fit(X, target))
        )


def test_moments_are_stored_on_request_only():
    model = nnfast.MLPRegressor(**SMALL).fit(X, X[:, 0])
    without, with_them = saved(model), saved(model, optimizer=True)
    n = sum(a.size for a in model.coefs_ + model.intercepts_)
    # Twice the weights for adam, and less than a kilobyte that says so.
    assert 16 * n < len(with_them) - len(without) < 16 * n + 1000
    assert "moments" not in load_tensors(without)


def test_numpys_numbers_become_pythons_and_arrays_lists():
    model = nnfast.MLPRegressor(
        hidden_layer_sizes=np.array([3, 2]),
        activation=np.array(["relu", "tanh"]),
        dropout=np.array([0.25, 0.5]),
        alpha=np.float32(0.5),
        max_iter=np.int64(2),
        shuffle=np.bool_(True),
        n_iter_no_change=np.inf,
    ).fit(X, X[:, 0])
    parameters = reopened(model).get_params()
    assert parameters["hidden_layer_sizes"] == [3, 2]
    assert parameters["activation"] == ["relu", "tanh"]
    assert parameters["dropout"] == [0.25, 0.5]
    assert parameters["n_iter_no_change"] == np.inf
    for name, kind in {"alpha": float, "max_iter": int, "shuffle": bool}.items():
        assert type(parameters[name]) is kind


def test_initial_weights_given_as_arrays():
    for dtype in (np.float32, np.float64):
        coefs = [np.full((4, 3), 0.5, dtype), np.full((3, 1), 0.25, dtype)]
        init = (coefs, [np.zeros(3, dtype), np.ones(1, dtype)])
        model = nnfast.MLPRegressor(**SMALL, init=init).fit(X, X[:, 0])
        assert equal(reopened(model).init, init)


def test_a_network_that_was_assigned():
    model = nnfast.MLPRegressor(**SMALL).fit(X, X[:, :2])
    model.coefs_, model.intercepts_ = model.coefs_[:1], model.intercepts_[:1]
    loaded = reopened(model, optimizer=True)
    assert equal(loaded.predict(X), model.predict(X))
    assert loaded.n_outputs_ == 3
    assert loaded._optimizer is None  # its moments were of another network


@pytest.mark.filterwarnings("ignore:imported before nnfast.install")  # other tests do
def test_the_class_in_scikit_learns_place_is_saved_as_nnfasts():
    nnfast.install()
    try:
        model = neural_network.MLPRegressor(**SMALL).fit(X, X[:, 0])
    finally:
        nnfast.uninstall()
    loaded = reopened(model, optimizer=True)
    assert type(loaded) is nnfast.MLPRegressor
    assert equal(loaded.predict(X), model.predict(X))


# ---- the file ----


@each_model
def test_the_safetensors_package_reads_it(name):
    model, _ = corpus()[name]
    tensors = load_tensors(saved(model))
    for i, (weight, bias) in enumerate(zip(model.coefs_, model.intercepts_)):
        assert equal(tensors[f"layers.{i}.weight"], weight)
        assert equal(tensors[f"layers.{i}.bias"], bias)


@each_model
def test_it_holds_no_name_of_code(name):
    """Only words that the format enumerates, labels and names of features."""
    model, _ = corpus()[name]
    raw = saved(model, optimizer=True)
    assert b"MLP" not in raw
    assert b"sklearn" not in raw
    assert described(raw)["estimator"] in ("classifier", "regressor")


def test_what_the_safetensors_package_wrote_again_opens(tmp_path):
    from safetensors import safe_open
    from safetensors.numpy import save_file

    model, rows = corpus()["text"]
    path, again = tmp_path / "a", tmp_path / "b"
    model.save_model(path)
    with safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        save_file(tensors, again, file.metadata())
    assert equal(nnfast.load_model(again).predict(rows), model.predict(rows))


@pytest.mark.parametrize("n_names", [3, 30_000])
def test_many_long_names_of_features(n_names):
    """A file that is small beside what its texts become has spaces in its header."""
    names = [f"{i}: größer" for i in range(n_names)]
    wide = scipy.sparse.csr_matrix((np.ones(2), ([0, 1], [0, 1])), (2, n_names))
    model = nnfast.MLPRegressor(hidden_layer_sizes=(), max_iter=1).fit(wide, [0, 1])
    model.feature_names_in_ = np.array(names, dtype=object)
    raw = saved(model)
    assert equal(nnfast.load_model(io.BytesIO(raw)).feature_names_in_.tolist(), names)
    assert (b"          " in raw) == (n_names > 1000)
    assert load_tensors(raw)["layers.0.weight"].shape == (n_names, 1)


def test_labels_and_names_of_any_text():
    names = ["", "\\", "\n", "\\n", "\r", '"', "\0", "ä", "😀", "\u2028"]
    model = nnfast.MLPClassifier(**SMALL).fit(X, np.array(["\\n\n", "\n"])[COLUMNS])
    model.feature_names_in_ = np.array(names[:4], dtype=object)
    for start in range(len(names) - 3):
        model.feature_names_in_ = np.array(names[start : start + 4], dtype=object)
        loaded = reopened(model)
        assert equal(loaded.feature_names_in_, model.feature_names_in_)
    assert equal(loaded.classes_, model.classes_)


# ---- what docs/model-files.md says ----


def test_the_reader_on_the_page(tmp_path, monkeypatch):
    """It makes of the file what the estimator predicts."""
    page = pathlib.Path(__file__).parents[1] / "docs" / "model-files.md"
    blocks = page.read_text(encoding="utf-8").split("```python\n")[1:]
    (reader,) = (b.partition("```")[0] for b in blocks if "load_file" in b)
    model, rows = corpus()["one target"]
    monkeypatch.chdir(tmp_path)
    model.save_model("model.safetensors")
    functions = {"relu": lambda x: np.maximum(x, 0), "identity": lambda x: x}
    raw = pathlib.Path("model.safetensors").read_bytes()
    names = json.loads(described(raw)["network"])["activations"]
    found = {"rows": rows, "activations": [functions[name] for name in names]}
    exec(reader, found)
    # Sums of four products, in another order.
    np.testing.assert_allclose(found["hidden"].ravel(), model.predict(rows), rtol=1e-13)


def test_everything_in_a_file_is_on_the_page():
    """Every name of the metadata and of the texts of JSON in them, and every tensor."""
    page = (pathlib.Path(__file__).parents[1] / "docs" / "model-files.md").read_text(
        encoding="utf-8"
    )
    named = set()
    for model, _ in corpus().values():
        raw = saved(model, optimizer=True)
        named |= {re.sub(r"\.\d+\.", ".i.", name) for name in load_tensors(raw)}
        metadata = described(raw)
        named |= metadata.keys()
        for name in metadata.keys() - {"parameters", "classes", "feature_names"}:
            text = metadata[name]
            named |= json.loads(text).keys() if text.startswith("{") else {text}
    missing = [name for name in sorted(named) if f"`{name}`" not in page]
    assert missing == []
