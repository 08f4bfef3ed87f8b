# SPDX-License-Identifier: BSD-3-Clause
"""Feed-forward neural networks trained in C behind scikit-learn's interface.

Importing the package costs the standard library only; what a name needs is imported
when the name is first used.
"""

from importlib import import_module
from importlib.util import find_spec

if find_spec("nnfast._core") is None:
    raise ImportError(
        f"{__path__[0]} has no compiled _core: it is nnfast's source folder, found"
        " before an installed nnfast. Run Python from another folder, or install"
        " with 'pip install -e .' to use it where it lies."
    )

TYPE_CHECKING = False  # as typing's, which would cost its import
if TYPE_CHECKING:
    from ._conversion import from_sklearn
    from ._install import (
        install,
        is_installed,
        load_ipython_extension,
        uninstall,
        unload_ipython_extension,
    )
    from ._mlp_classifier import MLPClassifier
    from ._mlp_regressor import MLPRegressor
    from ._model_files.file import load_model

    __version__: str

__all__ = [
    "MLPClassifier",
    "MLPRegressor",
    "__version__",
    "from_sklearn",
    "install",
    "is_installed",
    "load_ipython_extension",
    "load_model",
    "uninstall",
    "unload_ipython_extension",
]

_MODULE_OF = {
    "MLPClassifier": "_mlp_classifier",
    "MLPRegressor": "_mlp_regressor",
    "from_sklearn": "_conversion",
    "install": "_install",
    "is_installed": "_install",
    "load_ipython_extension": "_install",
    "load_model": "_model_files.file",
    "uninstall": "_install",
    "unload_ipython_extension": "_install",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        value: object = version("nnfast")
    elif name in _MODULE_OF:
        value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
