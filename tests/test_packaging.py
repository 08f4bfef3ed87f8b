# SPDX-License-Identifier: BSD-3-Clause
"""The distribution: what is in it, that it installs, and how little it drags in."""

import importlib.metadata
import importlib.util
import re
import runpy
import shutil
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from shell import run

import nnfast

ROOT = Path(__file__).resolve().parents[1]

needs_elf = pytest.mark.skipif(sys.platform != "linux", reason="reads an ELF file")


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """A folder with the sdist and the wheel that was built from the unpacked sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(dist):
    (path,) = dist.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def module(wheel, tmp_path_factory):
    """The compiled module, taken out of the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    (path,) = folder.glob("nnfast/_core.*.so")
    return path


def test_the_version_has_one_source():
    assert nnfast.__version__ == importlib.metadata.version("nnfast")


def test_the_sdist_can_be_tested_and_benchmarked(dist):
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    here = [
        path
        for folder in ["benchmarks", "csrc", "nnfast", "tests"]
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in {".c", ".h", ".py", ".pyi", ".typed"}
    ]
    assert {path.relative_to(ROOT).as_posix() for path in here} <= names
    top = {"LICENSE", "README.md", "nnfast.pth", "pyproject.toml", "setup.py"}
    assert top <= names


def test_the_wheel_is_small_and_complete(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    package = {name for name in names if name.startswith("nnfast/")}
    paths = (ROOT / "nnfast").rglob("*.py*")
    source = {path.relative_to(ROOT).as_posix() for path in paths if path.is_file()}
    source = {name for name in source if "__pycache__" not in name}
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    assert package == source | {"nnfast/py.typed", f"nnfast/_core{suffix}"}
    assert "nnfast.pth" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert wheel.stat().st_size < 2_000_000


def test_the_wheel_installs_and_trains(wheel, tmp_path):
    """In a fresh environment that borrows only NumPy, SciPy and scikit-learn."""
    venv.create(tmp_path, with_pip=False)
    python = tmp_path / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    run(*pip, "--no-deps", "--no-index", wheel)
    (site,) = tmp_path.glob("lib/python*/site-packages")
    # A path in a .pth file comes after the folder that the file is in.
    (site / "borrowed.pth").write_text(sysconfig.get_path("platlib"))
    program = """if True:
        import nnfast
        X = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
        y = ["even", "odd", "odd", "even"]
        model = nnfast.MLPClassifier((8,), learning_rate_init=0.05, random_state=0)
        print(nnfast.__file__, *model.fit(X * 10, y * 10).predict(X))
    """
    path, *predicted = run(python, "-I", "-c", program, cwd=tmp_path).split()
    assert Path(path).is_relative_to(site)
    assert predicted == ["even", "odd", "odd", "even"]

    # The .pth file beside the package: read by -c too, and gone when nnfast is.
    program = """if True:
        from sklearn.neural_network import MLPClassifier
        print(hasattr(MLPClassifier, "to_sklearn"))
    """
    command = [python, "-c", program]
    assert run(*command, cwd=tmp_path, NNFAST_INSTALL="1") == "True\n"
    (site / "nnfast" / "__init__.py").write_text("raise ImportError('it is broken')")
    said, answer = run(*command, cwd=tmp_path, NNFAST_INSTALL="1").splitlines()
    assert said == "nnfast: NNFAST_INSTALL=1 is dropped: it is broken"
    assert answer == "False"
    run(*pip[:5], "uninstall", "--quiet", "--yes", "nnfast")
    assert run(*command, cwd=tmp_path, NNFAST_INSTALL="1") == "False\n"
    assert not (site / "nnfast.pth").exists()


@needs_elf
def test_the_module_links_only_the_c_library(module):
    needed = re.findall(r"\(NEEDED\).*\[(.+)\]", run("readelf", "-d", module))
    assert [name for name in needed if not re.match(r"lib(c|m|pthread)\.", name)] == []


@needs_elf
def test_the_module_exports_only_what_others_look_for(module):
    """Python, its init function; threadpoolctl, the limit of threads."""
    exported = run("nm", "--dynamic", "--defined-only", module).split()
    assert exported[2::3] == [
        "PyInit__core",
        "nnf_threads_limit",
        "nnf_threads_set_limit",
    ]


@needs_elf
def test_the_module_has_no_start_up_code_of_fast_math(module):
    """That of -ffast-math would flush subnormal numbers in the whole process."""
    assert "set_fast_math" not in run("nm", module)


def test_importing_the_package_costs_the_standard_library_only():
    program = """if True:
        import sys
        before = set(sys.modules)
        import nnfast
        names = {name.partition(".")[0] for name in set(sys.modules) - before}
        print(*names - {"nnfast"} - sys.stdlib_module_names)
    """
    assert run(sys.executable, "-I", "-c", program).split() == []


def test_every_public_name_is_listed_and_there():
    assert set(nnfast.__all__) <= set(dir(nnfast))
    for name in nnfast.__all__:
        assert getattr(nnfast, name) is not None
    with pytest.raises(AttributeError, match="'nnfast' has no attribute 'MLP'"):
        _ = nnfast.MLP


def test_using_an_estimator_stays_light():
    """Beyond what sklearn.base needs, heavy modules wait until they are used."""
    heavy = {
        "scipy.optimize",
        "sklearn.metrics",
        "sklearn.model_selection",
        "sklearn.preprocessing",
    }
    program = f"""if True:
        import sys, sklearn.base
        before = set(sys.modules)
        from nnfast import MLPClassifier, MLPRegressor
        print(*{heavy!r} & (set(sys.modules) - before))
    """
    assert run(sys.executable, "-I", "-c", program).split() == []


def test_the_source_folder_says_what_it_is(tmp_path):
    """It has no compiled module, and Python finds it first when run beside it."""
    (tmp_path / "nnfast").mkdir()
    for source in (ROOT / "nnfast").glob("*.py"):
        shutil.copy(source, tmp_path / "nnfast")
    with pytest.raises(AssertionError, match="it is nnfast's source folder"):
        # -S: an editable install has a way of its own to the compiled module.
        run(
            sys.executable, "-S", "-c", "import nnfast", cwd=tmp_path, PYTHONSAFEPATH=""
        )


def test_a_package_without_its_compiled_module_names_its_folder(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"^the folder has no compiled _core: "):
        runpy.run_path(nnfast.__file__, {"__path__": ["the folder"]})
