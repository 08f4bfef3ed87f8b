# SPDX-License-Identifier: BSD-3-Clause
"""While nnfast is installed in its place, scikit-learn's MLP is ours, here and in child
processes, and nothing but the clock tells.

Programs run in processes of their own: this one keeps scikit-learn's classes.
"""

import json
import sys

import pytest
from installed import PREAMBLE, python
from shell import run

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


def test_what_stands_among_the_modules_without_a_namespace_holds_no_name():
    python("""
    import sys, warnings, nnfast
    from sklearn.neural_network import MLPClassifier
    class Odd:
        __slots__ = ()
    sys.modules["odd"] = Odd()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nnfast.install()
    (warning,) = caught
    assert str(warning.message).endswith(": MLPClassifier in __main__"), warning.message
    """)


def test_a_module_that_scikit_learn_lacks_is_missed_in_pythons_words():
    python("""
    import sys, types, nnfast, sklearn
    package = types.ModuleType("sklearn.neural_network")
    package.__path__ = []
    sys.modules[package.__name__] = package
    nnfast.install()
    try:
        import sklearn.neural_network._multilayer_perceptron as missed
    except ModuleNotFoundError as error:
        assert error.name == "sklearn.neural_network._multilayer_perceptron"
    else:
        raise AssertionError(missed)
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
