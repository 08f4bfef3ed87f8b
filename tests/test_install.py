# SPDX-License-Identifier: BSD-3-Clause
"""While nnfast is installed in its place, scikit-learn's MLP is ours: here, in child
processes and in pickles, and nothing but the clock tells.

Programs run in processes of their own: this one keeps scikit-learn's classes.
"""

import json
import pickle
import sys
from inspect import cleandoc

import numpy as np
import pytest
from shell import run
from sklearn import neural_network

# What the programs below begin with: data and a short fit.
PREAMBLE = """
import warnings
import numpy as np
from sklearn.exceptions import ConvergenceWarning
warnings.simplefilter("error")
warnings.simplefilter("ignore", ConvergenceWarning)
rng = np.random.RandomState(0)
X, y, t = rng.normal(size=(60, 4)), rng.randint(0, 3, 60), rng.normal(size=60)
SMALL = dict(hidden_layer_sizes=(5,), max_iter=4, random_state=0)
"""
rng = np.random.RandomState(0)
X, y, t = rng.normal(size=(60, 4)), rng.randint(0, 3, 60), rng.normal(size=60)


def python(program, *arguments, **environment):
    """Output of a program in an interpreter of its own."""
    source = cleandoc(program)
    return run(sys.executable, "-c", source, *map(str, arguments), **environment)


# ---- in one process ----


def test_every_way_to_the_names_gives_ours_and_uninstall_takes_it_back():
    python("""
    import os, sys, nnfast
    assert not nnfast.is_installed()
    nnfast.uninstall()  # nothing to undo
    nnfast.install()
    nnfast.install()
    assert nnfast.is_installed()
    assert os.environ["NNFAST_INSTALL"] == "1"
    assert not any(name.startswith(("sklearn", "numpy")) for name in sys.modules)

    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.neural_network._multilayer_perceptron import MLPClassifier as deep
    import sklearn.neural_network as package
    from sklearn.utils.discovery import all_estimators
    assert issubclass(MLPClassifier, nnfast.MLPClassifier)
    assert issubclass(MLPRegressor, nnfast.MLPRegressor)
    assert deep is package.MLPClassifier is MLPClassifier
    assert dict(all_estimators())["MLPClassifier"] is MLPClassifier
    module = sys.modules[MLPClassifier.__module__]
    assert "nnfast" not in f"{module.__spec__.loader}{module.__loader__}"

    nnfast.uninstall()
    assert not nnfast.is_installed()
    assert "NNFAST_INSTALL" not in os.environ
    for place in (package, module):
        for name in ("MLPClassifier", "MLPRegressor"):
            assert not issubclass(getattr(place, name), nnfast.MLPClassifier)
    assert issubclass(MLPClassifier, nnfast.MLPClassifier)  # the name made meanwhile

    theirs = package.MLPClassifier
    nnfast.install()
    assert package.MLPClassifier is MLPClassifier
    assert isinstance(MLPClassifier(), theirs)
    assert not isinstance(MLPRegressor(), theirs)
    """)


def test_uninstall_before_scikit_learn_is_imported():
    python("""
    import nnfast
    nnfast.install()
    nnfast.uninstall()
    from sklearn.neural_network import MLPClassifier
    assert not issubclass(MLPClassifier, nnfast.MLPClassifier)
    """)


def test_names_imported_before_are_warned_of_one_by_one(tmp_path):
    (tmp_path / "helper.py").write_text(
        "from sklearn.neural_network import MLPRegressor as Net\n"
    )
    python(
        """
    import sys, warnings
    sys.path.insert(0, sys.argv[1])
    import helper, nnfast, sklearn.neural_network
    from sklearn.neural_network import MLPClassifier
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nnfast.install()
        nnfast.install()
    (warning,) = caught
    assert warning.category is UserWarning
    assert warning.filename == "<string>"
    assert str(warning.message) == (
        "imported before nnfast.install(), and so still scikit-learn's:"
        " MLPClassifier in __main__, Net in helper"
    )
    assert not issubclass(MLPClassifier, nnfast.MLPClassifier)
    from sklearn.neural_network import MLPClassifier
    assert issubclass(MLPClassifier, nnfast.MLPClassifier)
    """,
        tmp_path,
    )


def test_a_warning_that_is_an_error_leaves_nothing_installed():
    python("""
    import os, warnings, nnfast
    from sklearn.neural_network import MLPClassifier
    warnings.simplefilter("error")
    try:
        nnfast.install()
    except UserWarning:
        assert not nnfast.is_installed()
        assert "NNFAST_INSTALL" not in os.environ
        from sklearn.neural_network import MLPClassifier
        assert not issubclass(MLPClassifier, nnfast.MLPClassifier)
    else:
        raise AssertionError
    """)


def test_no_warning_where_no_name_was_taken():
    python("""
    import warnings
    warnings.simplefilter("error")
    import sklearn.neural_network, nnfast
    nnfast.install()
    assert issubclass(sklearn.neural_network.MLPRegressor, nnfast.MLPRegressor)
    """)


def test_threads_that_install_and_import_at_once():
    python("""
    import importlib, threading, nnfast
    start = threading.Barrier(8)
    def work(i):
        start.wait()
        if i % 2:
            nnfast.install()
        else:
            importlib.import_module("sklearn.neural_network")
    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    from sklearn.neural_network import MLPClassifier
    assert issubclass(MLPClassifier, nnfast.MLPClassifier)
    assert type(MLPClassifier().to_sklearn()) is not MLPClassifier
    nnfast.uninstall()
    from sklearn.neural_network import MLPClassifier
    assert not issubclass(MLPClassifier, nnfast.MLPClassifier)
    """)


APPEARANCE = (
    PREAMBLE
    + """
import inspect, json, re, sys
from sklearn.base import clone
from sklearn.neural_network import MLPClassifier, MLPRegressor
shown = {}
for kind in (MLPClassifier, MLPRegressor):
    model = kind(**SMALL)
    html = re.sub(r"sk-\\S+|id-\\d+", "", model._repr_html_())
    errors = []
    for call in (
        lambda: kind(dropout=0.5),
        lambda: kind(nonsense=1),
        lambda: kind(1, 2, 3, 4),
        lambda: model.set_params(dropout=0.5),
        lambda: kind(activation="gelu").fit(X, y),
        lambda: kind(loss="huber").fit(X, y),
    ):
        try:
            call()
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")
    shown[kind.__name__] = [
        repr(kind), repr(model), repr(clone(model)), html, kind.__doc__,
        kind.__init__.__doc__, str(inspect.signature(kind)), model.get_params(), errors,
    ]
print(json.dumps(shown))
"""
)


def test_what_is_shown_and_said_is_what_scikit_learn_shows_and_says():
    # Messages list the members of sets.
    theirs, ours = (
        json.loads(python(APPEARANCE, NNFAST_INSTALL=value, PYTHONHASHSEED="0"))
        for value in "01"
    )
    for name in theirs:
        for left, right in zip(ours[name], theirs[name], strict=True):
            assert left == right


# ---- pickles ----

SAVE = (
    PREAMBLE
    + """
import joblib, pickle, sys
from sklearn.neural_network import MLPClassifier, MLPRegressor
models = [
    MLPClassifier(**SMALL).fit(X, y),
    MLPClassifier(**SMALL, solver="sgd").fit(X, np.stack([y == 1, y == 2], 1)),
    MLPClassifier(**SMALL, early_stopping=True).fit(X, y),
    MLPRegressor(**SMALL, solver="lbfgs").fit(X.astype("f4"), t),
    MLPRegressor(**SMALL),
]
for protocol in range(6):
    with open(f"{sys.argv[1]}/{protocol}.pickle", "wb") as file:
        pickle.dump(models, file, protocol)
joblib.dump(models, sys.argv[1] + "/models.joblib")
np.save(sys.argv[1] + "/outputs.npy", models[0].predict_proba(X))
"""
)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folders of what SAVE writes, without nnfast and with it in place."""
    folders = {}
    for library in ("scikit-learn", "nnfast"):
        folders[library] = tmp_path_factory.mktemp(library)
        installed = str(int(library == "nnfast"))
        python(SAVE, folders[library], NNFAST_INSTALL=installed)
    return folders


def load(path):
    with open(path, "rb") as file:
        return pickle.load(file)


def test_a_pickle_is_scikit_learns_where_nnfast_is_not_installed(saved):
    for protocol in range(6):
        path = saved["nnfast"] / f"{protocol}.pickle"
        assert b"nnfast" not in path.read_bytes()
        classifier, several, stopped, regressor, fresh = load(path)
        assert type(classifier) is neural_network.MLPClassifier
        assert type(fresh) is type(regressor) is neural_network.MLPRegressor
        assert not hasattr(fresh, "coefs_")
        assert stopped._best_coefs is stopped.coefs_
        assert regressor.coefs_[0].dtype == np.float32
    outputs = np.load(saved["nnfast"] / "outputs.npy")
    # Both libraries' rounding: 60 numbers below 1 after two short sums.
    np.testing.assert_allclose(classifier.predict_proba(X), outputs, atol=1e-14)
    theirs, *_ = load(saved["scikit-learn"] / "5.pickle")
    for model in (classifier, theirs):
        model.partial_fit(X, y)
    np.testing.assert_allclose(classifier.coefs_[0], theirs.coefs_[0], atol=1e-12)
    assert classifier.t_ == theirs.t_
    assert several.partial_fit(X, np.stack([y == 1, y == 2], 1)).t_ == 300


def test_a_pickle_has_the_attributes_of_scikit_learns(saved):
    pairs = zip(
        load(saved["nnfast"] / "5.pickle"),
        load(saved["scikit-learn"] / "5.pickle"),
        strict=True,
    )
    for ours, theirs in pairs:
        # The places of lbfgs's weights in its vector are made again by each fit.
        places = {"_coef_indptr", "_intercept_indptr"}
        assert vars(ours).keys() == vars(theirs).keys() - places
        for name in vars(ours).keys() & {"_optimizer", "_label_binarizer"}:
            left, right = getattr(ours, name), getattr(theirs, name)
            assert type(left) is type(right)
            assert vars(left).keys() - {"t"} == vars(right).keys() - {"t"}


def test_it_needs_no_nnfast_to_be_opened(saved):
    python(
        """
    import sys
    sys.modules["nnfast"] = None
    import joblib, pickle
    models = joblib.load(sys.argv[1] + "/models.joblib")
    assert "nnfast" not in str(type(models[0]).__mro__)
    assert models[0].loss_curve_
    """,
        saved["nnfast"],
        NNFAST_INSTALL="0",
    )


def test_both_kinds_of_pickle_are_ours_where_nnfast_is_installed(saved):
    python(
        PREAMBLE
        + """
import copy, joblib, nnfast, pathlib, pickle, sys
for folder in map(pathlib.Path, sys.argv[1:]):
    kinds = [
        pickle.loads((folder / "2.pickle").read_bytes()),
        joblib.load(folder / "models.joblib"),
        joblib.load(folder / "models.joblib", mmap_mode="r"),
    ]
    expected = np.load(folder / "outputs.npy")
    after = []
    for models in kinds:
        for model in models:
            assert isinstance(model, (nnfast.MLPClassifier, nnfast.MLPRegressor))
            assert type(copy.deepcopy(model)) is type(model)
            assert type(pickle.loads(pickle.dumps(model))) is type(model)
        classifier, several, stopped, regressor, fresh = models
        # Both libraries' rounding: numbers below 1 after two short sums.
        assert abs(classifier.predict_proba(X) - expected).max() < 1e-14
        after.append(classifier.partial_fit(X, y).predict_proba(X))
        assert several.partial_fit(X, np.stack([y == 1, y == 2], 1)).t_ == 300
        fresh.fit(X, t)
    assert (after[0] == after[1]).all()
    assert (after[0] == after[2]).all()
""",
        saved["nnfast"],
        saved["scikit-learn"],
        NNFAST_INSTALL="1",
    )


def test_estimators_of_either_time_can_be_pickled_and_copied_at_any_time():
    python(
        PREAMBLE
        + """
import copy, pickle, nnfast, sklearn.neural_network as package
before = package.MLPClassifier(**SMALL).fit(X, y)
nnfast.install()
ours = package.MLPClassifier
between = ours(**SMALL).fit(X, y)
for model in (before, between):
    assert type(pickle.loads(pickle.dumps(model))) is ours
    assert type(copy.deepcopy(model)) is type(copy.copy(model)) is ours
nnfast.uninstall()
for model in (before, between):
    assert type(pickle.loads(pickle.dumps(model))) is type(before)
    assert (copy.deepcopy(model).predict(X) == model.predict(X)).all()
"""
    )


def test_what_nnfast_itself_names_is_pickled_as_ever():
    python(
        PREAMBLE
        + """
import pickle, nnfast, sklearn.neural_network
nnfast.install()
model = nnfast.MLPClassifier(**SMALL, dropout=0.2).fit(X, y)
copied = pickle.loads(pickle.dumps(model))
assert type(copied) is nnfast.MLPClassifier
assert copied.dropout == 0.2
"""
    )


# ---- subclasses ----


def test_a_subclass_of_the_user_is_ours_and_can_be_pickled():
    python(
        PREAMBLE
        + """
import copy, pickle, nnfast
from sklearn.base import clone
nnfast.install()
from sklearn.neural_network import MLPClassifier

class Scaled(MLPClassifier):
    def __init__(self, factor=2.0, hidden_layer_sizes=(5,), max_iter=4):
        super().__init__(hidden_layer_sizes, max_iter=max_iter, random_state=0)
        self.factor = factor
    def fit(self, X, y):
        return super().fit(self.factor * X, y)
    def predict(self, X):
        return super().predict(self.factor * X)

model = clone(Scaled(factor=3.0)).fit(X, y)
assert isinstance(model, nnfast.MLPClassifier)
assert repr(model) == "Scaled(factor=3.0)"
for copied in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
    assert type(copied) is Scaled
    assert copied.factor == 3.0
    assert (copied.predict(X) == model.predict(X)).all()
    copied.partial_fit(3.0 * X, y)
"""
    )


def test_attributes_of_the_user_mean_nothing_to_nnfast():
    """Not even those that are named as parameters that only nnfast has."""
    python(
        PREAMBLE
        + """
import pickle, nnfast
nnfast.install()
from sklearn.neural_network import MLPClassifier

plain = MLPClassifier(**SMALL).fit(X, y)
model = MLPClassifier(**SMALL)
model.dropout, model.init = 0.9, "zeros"
model.class_weight, model.n_jobs = "mine", "all"
model.fit(X, y).partial_fit(X, y)
plain.partial_fit(X, y)
assert (model.coefs_[0] == plain.coefs_[0]).all()
assert (model.predict_proba(X) == plain.predict_proba(X)).all()
saved = pickle.loads(pickle.dumps(model))
for kept in (model, saved):
    assert (kept.dropout, kept.init, kept.class_weight) == (0.9, "zeros", "mine")
assert (saved.predict_proba(X) == plain.predict_proba(X)).all()
"""
    )


def test_predicting_in_threads_leaves_the_attributes_alone():
    python(
        PREAMBLE
        + """
import sys, threading, nnfast
nnfast.install()
from sklearn.neural_network import MLPClassifier

sys.setswitchinterval(1e-6)
model = MLPClassifier(**SMALL).fit(X, y)
model.n_jobs = "all"
def predict():
    for _ in range(300):
        model.predict(X[:1])
threads = [threading.Thread(target=predict) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert model.n_jobs == "all"
"""
    )


def test_a_subclass_that_needs_scikit_learns_keeps_it():
    python(
        PREAMBLE
        + """
import nnfast
nnfast.install()
from sklearn.neural_network import MLPClassifier
from sklearn.utils import compute_sample_weight

def made(make):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kind = make()
    (warning,) = caught
    assert not issubclass(kind, nnfast.MLPClassifier)
    return kind, str(warning.message)

def overriding():
    class Noisy(MLPClassifier):
        calls = 0
        def _backprop(self, *args):
            Noisy.calls += 1
            return super()._backprop(*args)
    return Noisy

kind, message = made(overriding)
kind(**SMALL).fit(X, y)
assert kind.calls == 4
assert message == (
    "class Noisy stays a subclass of scikit-learn's: nnfast has no use or another one"
    " for its _backprop"
)

class Between(MLPClassifier):
    pass
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    class Late(Between):
        def _backprop(self, *args):
            pass
(warning,) = caught
assert str(warning.message) == (
    "class Late: nnfast has no use or another one for its _backprop;"
    " nnfast.uninstall() before its base classes are made helps"
)
assert warning.filename == "<string>"

def mixing():
    class Mixin:
        calls = 0
        def _backprop(self, *args):
            Mixin.calls += 1
            return super()._backprop(*args)
    class Mixed(Mixin, MLPClassifier):
        pass
    return Mixed

kind, message = made(mixing)
kind(**SMALL).fit(X, y)
assert kind.calls == 4

def colliding():
    class Encoding(MLPClassifier):
        def _encode(self, labels):
            return labels
        def fit(self, X, y):
            return super().fit(X, self._encode(y))
    return Encoding

kind, message = made(colliding)
kind(**SMALL).fit(X, y)
assert message.endswith("nnfast has no use or another one for its _encode")

def weighing():
    class Mixin:
        pass
    class Balanced(Mixin, MLPClassifier):
        def __init__(self, class_weight=None, max_iter=4):
            super().__init__((5,), max_iter=max_iter, random_state=0)
            self.class_weight = class_weight
        def fit(self, X, y):
            return super().fit(X, y, compute_sample_weight(self.class_weight, y))
    return Balanced

kind, message = made(weighing)
assert message.endswith("its class_weight")
weight = compute_sample_weight("balanced", y)
expected = MLPClassifier(**SMALL).fit(X, y, weight).loss_
assert abs(kind("balanced").fit(X, y).loss_ - expected) < 1e-12
"""
    )


# ---- other processes ----


def test_children_of_every_kind(tmp_path):
    script = tmp_path / "children.py"
    script.write_text(
        PREAMBLE
        + """
import multiprocessing, subprocess, sys

def name_of_base(_=None):
    from sklearn.neural_network import MLPClassifier
    return MLPClassifier.__mro__[2].__module__

if __name__ == "__main__":
    import joblib, nnfast
    from sklearn.model_selection import cross_val_score
    nnfast.install()
    from sklearn.neural_network import MLPClassifier
    found = joblib.Parallel(2)(joblib.delayed(name_of_base)() for _ in range(2))
    for method in ("spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            found += pool.map(name_of_base, [0])
    program = "from children import name_of_base; print(name_of_base())"
    command = [sys.executable, "-c", program]
    found.append(subprocess.check_output(command, text=True).strip())
    assert found == ["nnfast._mlp_classifier"] * 5, found

    model = MLPClassifier(**SMALL)
    alone = cross_val_score(model, X, y, cv=3)
    assert (cross_val_score(model, X, y, cv=3, n_jobs=2) == alone).all()
"""
    )
    run(sys.executable, script, PYTHONPATH=str(tmp_path))


@pytest.mark.parametrize(
    ("value", "installed"), [("1", True), ("0", False), ("", False), ("yes", False)]
)
def test_the_variable(value, installed):
    program = "import sys; print('nnfast._install' in sys.modules)"
    assert python(program, NNFAST_INSTALL=value) == f"{installed}\n"


def test_uninstall_leaves_the_variable_as_it_was_unless_it_was_on():
    program = """
    import os, nnfast
    nnfast.install()
    nnfast.uninstall()
    print(os.environ.get("NNFAST_INSTALL"))
    """
    assert python(program, NNFAST_INSTALL="0") == "0\n"
    assert python(program, NNFAST_INSTALL="1") == "None\n"


def test_an_interpreter_that_does_not_want_nnfast_reads_nothing_of_it():
    program = "import sys; print(*(name for name in sys.modules if 'nnfast' in name))"
    started = python(program, NNFAST_INSTALL="0").split()
    assert [name for name in started if not name.startswith("__editable__")] == []


# ---- IPython ----


def test_ipython_extension():
    pytest.importorskip("IPython")
    python("""
    from IPython.core.interactiveshell import InteractiveShell
    import nnfast
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "nnfast")
    assert nnfast.is_installed()
    result = shell.run_cell("from sklearn.neural_network import MLPRegressor")
    assert result.success
    assert issubclass(shell.user_ns["MLPRegressor"], nnfast.MLPRegressor)
    shell.run_line_magic("unload_ext", "nnfast")
    assert not nnfast.is_installed()
    """)


def test_the_hooks_that_ipython_calls():
    python("""
    import nnfast
    nnfast.load_ipython_extension(None)
    assert nnfast.is_installed()
    nnfast.unload_ipython_extension(None)
    assert not nnfast.is_installed()
    """)
