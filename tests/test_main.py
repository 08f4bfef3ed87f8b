# SPDX-License-Identifier: BSD-3-Clause
"""``python -m nnfast`` runs a program as python does, with nnfast in place.

Each program here is run both ways, and what can be seen of it must be the same.
"""

import os
import re
import signal
import subprocess
import sys
import zipfile

import pytest
from shell import run

# Says everything about itself that a program can ask for.
PROBE = '''"""What this program is."""
import pickle, sys
from __main__ import __name__ as name

def function(): ...

number: int = 3
print(name, sys.argv, sys.path, sorted(globals()), __doc__, __spec__, __package__)
print(__loader__, globals().get("__file__"), globals().get("__cached__"))
print(pickle.loads(pickle.dumps(function)) is function, sys.stdin.read())
print(vars(sys.modules["__main__"]) is globals())
'''

# Leaves the path of success; what is left of a program then is what it says and its
# exit code.
ENDINGS = {
    "chained": "try: 1 / 0\nexcept ArithmeticError as e: raise KeyError from e",
    "syntax": "x = (",
    "exit": "import sys\nsys.exit(7)",
    "words": "import sys\nsys.exit('words')",
    "interrupted": "import os, signal\nos.kill(os.getpid(), signal.SIGINT)",
    "hook": (
        "import sys, traceback\n"
        "def hook(kind, error, tb):\n"
        "    print(kind, traceback.extract_tb(tb), error.__traceback__ is tb)\n"
        "sys.excepthook = hook\n"
        "1 / 0"
    ),
    "later": (
        "import atexit, pickle, threading, time\n"
        "def f(): ...\n"
        "def later():\n"
        "    time.sleep(0.1)\n"
        "    print(pickle.loads(pickle.dumps(f)) is f)\n"
        "atexit.register(later)\n"
        "threading.Thread(target=later).start()"
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Programs of every form."""
    root = tmp_path_factory.mktemp("programs")
    (root / "probe.py").write_text(PROBE)
    (root / "package").mkdir()
    (root / "package" / "__init__.py").touch()
    (root / "package" / "__main__.py").write_text(PROBE)
    (root / "package" / "link.py").symlink_to(root / "probe.py")
    (root / "empty").mkdir()
    with zipfile.ZipFile(root / "archive.zip", "w") as archive:
        archive.write(root / "probe.py", "__main__.py")
    compiled = "import py_compile; py_compile.compile('probe.py', 'compiled.pyc')"
    run(sys.executable, "-c", compiled, cwd=root)
    for name, source in ENDINGS.items():
        (root / f"{name}.py").write_text(source + "\n")
    return root


def ends(folder, *command):
    """Exit code and output, where addresses are all alike."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        input="print('from the standard input', __import__('sys').argv)",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, re.sub(r"0x\w+", "0x", done.stdout)


@pytest.mark.parametrize(
    "command",
    [
        ["probe.py", "-c", "--help"],
        ["./probe.py"],
        ["package/link.py"],
        ["compiled.pyc"],
        ["package", "argument"],
        ["archive.zip"],
        ["-m", "probe", "-m", "argument"],
        ["-mprobe"],
        ["-m", "package"],
        ["-c", PROBE, "argument", "-c"],
        ["-", "argument"],
        *[[f"{name}.py"] for name in ENDINGS],
        *[["-m", name] for name in ENDINGS],
        ["-c", "def f(): f.x\nf()"],
        ["-c", "x = ("],
        ["-c", "exec('def f(): f.x')\nf()"],
        # What is not there.
        ["missing.py"],
        ["empty"],
        ["-m", "missing"],
        ["-m", "package.missing"],
    ],
    ids=lambda command: " ".join(command)[:20],
)
def test_a_program_is_what_it_is_for_python(folder, command):
    code, said = ends(folder, "-m", "nnfast", *command)
    assert (code, said) != (0, "")
    assert (code, said) == ends(folder, *command)


def test_an_interrupted_program_dies_of_the_signal(folder):
    code, _ = ends(folder, "-m", "nnfast", "interrupted.py")
    assert code == -signal.SIGINT


@pytest.mark.parametrize("options", [["-P"], ["-I"], ["-O", "-W", "ignore"]])
def test_options_of_python_act_as_ever(folder, options):
    plain = ends(folder, *options, "probe.py")
    assert ends(folder, *options, "-m", "nnfast", "probe.py") == plain


@pytest.mark.parametrize("command", [[], ["-h"], ["--help"]])
def test_help(folder, command):
    code, said = ends(folder, "-m", "nnfast", *command)
    assert code == 0
    assert said.startswith("usage: python -m nnfast [-h] script [argument ...]\n")
    assert "the place of scikit-learn's MLPClassifier" in said


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["-x", "probe.py"], "unknown option -x"),
        (["--verbose"], "unknown option --verbose"),
        (["-m"], "argument expected for the -m option"),
        (["-c"], "argument expected for the -c option"),
    ],
)
def test_a_command_line_that_is_none(folder, command, reason):
    code, said = ends(folder, "-m", "nnfast", *command)
    assert code == 2
    assert said.startswith("usage: ")
    assert said.endswith(f"\npython -m nnfast: {reason}\n")


def test_a_program_of_scikit_learn_trains_nnfasts_networks(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        """if True:
        import multiprocessing
        from sklearn.neural_network import MLPClassifier

        def work(model):
            model.fit([[0.0], [1.0], [2.0]], [0, 1, 1])
            return model, hasattr(MLPClassifier, "to_sklearn")

        if __name__ == "__main__":
            assert MLPClassifier.__mro__[2].__module__ == "nnfast._mlp_classifier"
            model = MLPClassifier((3,), solver="lbfgs", random_state=0)
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                (there, ours), = pool.map(work, [model])
            assert ours
            here, _ = work(model)
            assert (here.coefs_[0] == there.coefs_[0]).all()
            print("done")
    """
    )
    assert run(sys.executable, "-m", "nnfast", program) == "done\n"


def test_scikit_learns_own_tests_pass_as_a_program(tmp_path):
    tests = ["--pyargs", "sklearn.neural_network.tests.test_mlp"]
    plain = ["-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", tmp_path]
    program = [sys.executable, "-m", "nnfast", "-m", "pytest", *plain, *tests]
    said = run(*program, cwd=tmp_path)
    assert re.search(r"\n=+ \d+ passed.*\n$", said)


def test_nothing_of_scikit_learn_is_imported_for_a_program_without_it(folder):
    program = "import sys; print({'numpy', 'sklearn'} & set(sys.modules))"
    assert run(sys.executable, "-m", "nnfast", "-c", program) == "set()\n"
