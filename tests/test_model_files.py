# SPDX-License-Identifier: BSD-3-Clause
"""A model that was saved as a file and opened is the same model, to the last bit."""

import io
import json
import os
import pathlib
import re
import stat
import threading

import numpy as np
import pytest
import scipy.sparse
from model_corpus import COLUMNS, X, corpus, described
from safetensors.numpy import load as load_tensors
from sklearn import neural_network
from sklearn.exceptions import NotFittedError

import nnfast
from nnfast import _model_file, _safetensors

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0}
each_model = pytest.mark.parametrize("name", corpus())


def saved(model, **options):
    file = io.BytesIO()
    model.save_model(file, **options)
    return file.getvalue()


def reopened(model, **options):
    return nnfast.load_model(io.BytesIO(saved(model, **options)))


def equal(a, b):
    """Whether two values are equal, and of equal types throughout."""
    if isinstance(a, np.random.RandomState):
        a, b = (value.get_state(legacy=False) for value in (a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and bool((a == b).all())
    return type(a) is type(b) and a == b


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


# ---- paths and file objects ----


@pytest.mark.parametrize("kind", [str, pathlib.Path, os.fsencode])
def test_paths(tmp_path, kind):
    model, rows = corpus()["text"]
    path = kind(str(tmp_path / "größe.safetensors"))
    model.save_model(path)
    assert equal(nnfast.load_model(path).predict(rows), model.predict(rows))
    with pytest.raises(FileNotFoundError):
        nnfast.load_model(path + b"x" if isinstance(path, bytes) else f"{path}x")


def test_file_objects(tmp_path):
    """Buffered or not, and from where they stand."""
    model, rows = corpus()["text"]
    for buffering in (0, -1):
        with open(tmp_path / "a", "wb", buffering=buffering) as file:
            file.write(b"before")
            model.save_model(file)
        with open(tmp_path / "a", "rb", buffering=buffering) as file:
            assert file.read(6) == b"before"
            assert equal(nnfast.load_model(file).predict(rows), model.predict(rows))


class Slow(io.BytesIO):
    """Takes and gives three bytes at a time, as a raw file may."""

    def write(self, data):
        return super().write(bytes(data[:3]))

    def read(self, size=-1):
        return super().read(min(size, 3))


def test_a_raw_file_that_takes_and_gives_little_at_a_time():
    model, rows = corpus()["text"]
    file = Slow()
    model.save_model(file)
    assert file.getvalue() == saved(model)
    file.seek(0)
    assert equal(nnfast.load_model(file).predict(rows), model.predict(rows))


def test_file_objects_that_will_not_do():
    raw = saved(corpus()["text"][0])
    reading, writing = os.pipe()
    with open(writing, "wb") as file:
        file.write(raw)
    with open(reading, "rb") as file, pytest.raises(ValueError, match="not seekable"):
        nnfast.load_model(file)
    with pytest.raises(ValueError, match="it is not open in binary mode"):
        nnfast.load_model(io.StringIO("text that is long enough"))
    with pytest.raises(TypeError, match="not int"):
        nnfast.load_model(3)


def test_a_file_on_disk_is_mapped_into_no_model(tmp_path):
    """What is done to the file afterwards, or to the model, stays where it is."""
    model, rows = corpus()["text"]
    path = tmp_path / "model"
    model.save_model(path)
    loaded = nnfast.load_model(path)
    path.write_bytes(b"")
    loaded.coefs_[0][:] *= 2
    assert not equal(loaded.predict_proba(rows), model.predict_proba(rows))


# ---- what cannot be saved ----


class Subclass(nnfast.MLPRegressor):
    pass


def refusal(model, **options):
    """What saving says, before it has written anything."""
    file = io.BytesIO()
    with pytest.raises(ValueError, match=r"cannot be saved: |subclass") as error:
        model.save_model(file, **options)
    assert file.getvalue() == b""
    return str(error.value)


def test_what_is_not_fitted_or_not_ours():
    with pytest.raises(NotFittedError):
        nnfast.MLPRegressor().save_model(io.BytesIO())
    model = Subclass(**SMALL).fit(X, X[:, 0])
    assert "the code of the subclass Subclass would be lost" in refusal(model)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"alpha": -1}, "'alpha' parameter of MLPRegressor must be a float"),
        ({"alpha": 2**70}, "alpha cannot be stored in a model file: 1180591620"),
        ({"huber_delta": 2.0}, "huber_delta=2.0 acts with loss='huber' only"),
        ({"hidden_layer_sizes": [2.5]}, "hidden_layer_sizes must hold integers"),
        ({"verbose": object()}, "verbose cannot be stored in a model file: <object"),
        ({"init": ([1], [[1]])}, r"init[0][0] must have shape (1, 1)"),
        ({"activation": ["tanh", "tanh"]}, "activation must have one entry per hidden"),
    ],
)
def test_parameters_that_a_fit_would_refuse(parameters, words):
    model = nnfast.MLPRegressor(**SMALL).fit(X, X[:, 0])
    said = refusal(model.set_params(**parameters))
    assert said.startswith("this MLPRegressor cannot be saved: ")
    assert words in said


def test_a_random_state_of_another_kind():
    model = nnfast.MLPRegressor(**SMALL).fit(X, X[:, 0])
    model.random_state = np.random.RandomState(np.random.PCG64(0))
    assert "random_state is a RandomState of PCG64" in refusal(model)


def test_attributes_that_are_not_what_fit_left():
    model = nnfast.MLPClassifier(**SMALL).fit(X, COLUMNS)
    model.classes_ = np.array(["no", "yes"])
    assert "classes_ were assigned" in refusal(model)
    days = np.array(["2026-01-01", "2026-01-02"], dtype="M8[D]")[COLUMNS]
    model = nnfast.MLPClassifier(**SMALL).fit(X, days)
    assert "classes of type datetime64[D] cannot be stored" in refusal(model)
    for name, value, words in [
        ("feature_names_in_", np.array(["a", 1, "b", "c"], object), "holds 1, which"),
        ("feature_names_in_", ["\ud800", "a", "b", "c"], "which is not valid Unicode"),
        ("feature_names_in_", ["a"], "1 feature_names for 4 inputs"),
        ("loss_curve_", ["a"], "loss_curve_ holds something other than numbers"),
        ("n_iter_", -1, "n_iter_ must be a whole number"),
        ("loss_", None, ""),
    ]:
        model = nnfast.MLPClassifier(**SMALL).fit(X, COLUMNS)
        setattr(model, name, value)
        if words:
            assert words in refusal(model)
        else:
            assert reopened(model).loss_ is None


def test_weights_that_are_not_finite():
    model = nnfast.MLPRegressor(**SMALL).fit(X, X[:, 0])
    model.intercepts_[1][:] = np.inf
    assert "layers.1.bias contains NaN or infinity" in refusal(model)
    model.intercepts_[1][:] = 0
    model._optimizer.moments[1, 3] = np.nan
    assert "moments contain NaN" in refusal(model, optimizer=True)
    model._optimizer.moments[1, 3] = np.inf  # a square that overflowed
    assert reopened(model, optimizer=True)._optimizer.moments[1, 3] == np.inf
    model.loss_, model.loss_curve_ = np.float64(np.nan), [np.nan, -np.inf]
    loaded = reopened(model)
    assert np.isnan(loaded.loss_)
    assert loaded.loss_curve_[1] == -np.inf


def test_more_layers_than_a_file_may_have(monkeypatch):
    deep = nnfast.MLPRegressor(
        hidden_layer_sizes=[1] * 1000, max_iter=1, solver="sgd"
    ).fit(X, X[:, 0])
    assert "widths must be a list of 2 to 1001 numbers" in refusal(deep)
    deep = nnfast.MLPRegressor(
        hidden_layer_sizes=[1] * 999, max_iter=1, solver="sgd"
    ).fit(X, X[:, 0])
    assert equal(reopened(deep).predict(X), deep.predict(X))
    monkeypatch.setattr(_safetensors, "MAX_HEADER", 1000)
    assert "of 1000 allowed" in refusal(deep)


# ---- at once or not at all ----


def steps(monkeypatch):
    """Each call that writing to a path makes of the system, failing at the nth."""
    calls = []

    def counting(module, name):
        real = getattr(module, name)

        def call(*args, **more):
            calls.append(name)
            if len(calls) == calls_until_failure[0]:
                raise OSError(f"{name} failed")
            return real(*args, **more)

        monkeypatch.setattr(module, name, call)

    calls_until_failure = [0]
    for name in ("chmod", "fsync", "replace"):
        counting(os, name)
    return calls, calls_until_failure


def listed(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    """Whichever of the writes it is, with half of it done."""
    model, _ = corpus()["text"]
    path, whole = tmp_path / "model", saved(corpus()["text"][0])
    path.write_bytes(b"old")
    n_done, fails_after = 0, 0
    write = _model_file._write

    def failing(file, buffer):
        nonlocal n_done
        if n_done == fails_after:
            write(file, buffer[: len(buffer) // 2])
            raise OSError("no space")
        write(file, buffer)
        n_done += 1

    monkeypatch.setattr(_model_file, "_write", failing)
    # The header, two weights, two biases and two curves.
    for nth in range(7):
        n_done, fails_after = 0, nth
        with pytest.raises(OSError, match="no space"):
            model.save_model(path)
        assert listed(tmp_path) == {"model": b"old"}
    n_done, fails_after = 0, 7
    model.save_model(path)
    assert listed(tmp_path) == {"model": whole}


@pytest.mark.parametrize("old", [b"old", None])
def test_a_failed_call_of_the_system_leaves_the_old_file(tmp_path, monkeypatch, old):
    model, _ = corpus()["text"]
    path = tmp_path / "model"
    before = {} if old is None else {"model": old}
    expected = ["chmod", "fsync", "replace", "fsync"][old is None :]
    for nth, failing in enumerate(expected, 1):
        for found in tmp_path.iterdir():
            found.unlink()
        if old is not None:
            path.write_bytes(old)
        with monkeypatch.context() as patch:
            calls, until = steps(patch)
            until[0] = nth
            with pytest.raises(OSError, match=f"^{failing} failed$"):
                model.save_model(path)
        assert calls == expected[:nth]
        # Once it is renamed, only a loss of power could bring the old one back.
        renamed = nth == len(expected)
        assert listed(tmp_path) == ({"model": saved(model)} if renamed else before)


def test_an_interrupt_leaves_the_old_file(tmp_path, monkeypatch):
    model, _ = corpus()["text"]
    path = tmp_path / "model"
    path.write_bytes(b"old")

    def interrupted(handle):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.save_model(path)
    assert listed(tmp_path) == {"model": b"old"}


def test_permissions_are_those_that_open_gives(tmp_path):
    model, _ = corpus()["text"]
    path, plain = tmp_path / "model", tmp_path / "plain"
    for mask in (0o022, 0o077):
        before = os.umask(mask)
        try:
            model.save_model(path)
            plain.write_bytes(b"")
        finally:
            os.umask(before)
        assert path.stat().st_mode == plain.stat().st_mode
        path.unlink()
        plain.unlink()
    path.write_bytes(b"old")
    path.chmod(0o640)
    model.save_model(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_symbolic_link_stays(tmp_path):
    model, rows = corpus()["text"]
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "model", tmp_path / "link"
    link.symlink_to(target)
    for _ in range(2):  # a new file, and an old one
        model.save_model(link)
        assert link.is_symlink()
        assert equal(nnfast.load_model(target).predict(rows), model.predict(rows))


def test_what_is_no_file_is_written_to(tmp_path):
    model, _ = corpus()["text"]
    with pytest.raises(IsADirectoryError):
        model.save_model(tmp_path)
    with pytest.raises(FileNotFoundError):
        model.save_model(tmp_path / "missing" / "model")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    model.save_model(pipe)
    reader.join()
    assert found == [saved(model)]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_two_writers_leave_one_whole_file(tmp_path):
    """And whoever reads meanwhile finds a whole one too."""
    models = [corpus()[name][0] for name in ("text", "integers")]
    possible = [saved(model) for model in models]
    path = tmp_path / "model"
    models[0].save_model(path)
    done = threading.Event()
    torn = []

    def write(model):
        for _ in range(50):
            model.save_model(path)

    def read():
        while not done.is_set():
            if path.read_bytes() not in possible:
                torn.append(True)

    writers = [threading.Thread(target=write, args=[model]) for model in models]
    reader = threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert torn == []
    assert path.read_bytes() in possible
    assert [found.name for found in tmp_path.iterdir()] == ["model"]


def test_a_model_is_saved_whole_while_it_is_fitted(tmp_path):
    """Each file is the model before a step of training or after it."""
    model = nnfast.MLPRegressor(hidden_layer_sizes=(50,), random_state=0).partial_fit(
        X, X[:, 0]
    )
    stages, found = [saved(model)], []
    twin = nnfast.load_model(io.BytesIO(saved(model, optimizer=True)))
    for _ in range(30):
        stages.append(saved(twin.partial_fit(X, X[:, 0])))
    worker = threading.Thread(
        target=lambda: [model.partial_fit(X, X[:, 0]) for _ in range(30)]
    )
    worker.start()
    while worker.is_alive():
        found.append(saved(model))
    worker.join()
    assert saved(model) == stages[-1]
    assert set(found) <= set(stages)


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
