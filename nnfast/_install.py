# SPDX-License-Identifier: BSD-3-Clause
"""nnfast's classes in scikit-learn's place: ``sklearn.neural_network`` gives ours.

scikit-learn's module is not imported for that. While nnfast is installed, an entry of
``sys.meta_path`` swaps the classes as soon as the module has been executed, before
anything can copy the names out of it; only a module imported before is swapped at
once. Child processes see NNFAST_INSTALL in their environment, and the .pth file that
comes with nnfast calls ``install`` when they start.

Standard library only at import: this file is read when an interpreter starts.
"""

import copyreg
import os
import sys
import threading
import warnings
from importlib import import_module

TYPE_CHECKING = False  # as typing's, which would cost its import
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

PACKAGE = "sklearn.neural_network"
MODULE = f"{PACKAGE}._multilayer_perceptron"
NAMES = ("MLPClassifier", "MLPRegressor")
VARIABLE = "NNFAST_INSTALL"

# Nothing is imported while it is held: another thread may hold an import lock and
# wait for this one.
_lock = threading.RLock()
_originals: dict[str, type] = {}  # by name, those that ours stand in for now


def install() -> None:
    """Put nnfast in the place of scikit-learn's MLPClassifier and MLPRegressor.

    From here on ``from sklearn.neural_network import MLPClassifier`` gives a class
    that is scikit-learn's in name, parameters, documentation and pickles, and
    nnfast's in what it does. It takes scikit-learn's parameters only; nnfast's own
    are those of ``nnfast.MLPClassifier``.

    Child processes that start later are included, whatever starts them (loky,
    multiprocessing, subprocess): the environment variable ``NNFAST_INSTALL`` is set
    to ``1`` (any other value means off), and a .pth file beside the package reads it
    when an interpreter starts. It is there in an editable install too, but not where
    the package is only on ``PYTHONPATH``.

    A second call does nothing.

    Warns
    -----
    UserWarning
        When other modules imported scikit-learn's classes before; it names them.
        They keep scikit-learn's.

    See Also
    --------
    uninstall : Undo it.
    is_installed : Whether it was done.

    Notes
    -----
    A pickle made while nnfast is installed is one of scikit-learn's estimator, which
    is opened as nnfast's where nnfast is installed, and as scikit-learn's, without
    nnfast, where not. ``copy`` and ``deepcopy`` go the same way as ``pickle``.

    A subclass that overrides private methods of scikit-learn's class, has private
    methods named as nnfast's, or a parameter of the same name as one of nnfast's own,
    stays a subclass of scikit-learn's, with a warning.

    Processes that run already keep what they have: so do the workers of a joblib pool,
    which waits for more work for five minutes. A class, not an estimator, that was
    imported before can be pickled only while it is the one in place.

    Examples
    --------
    >>> import nnfast
    >>> nnfast.install()
    >>> from sklearn.neural_network import MLPClassifier
    >>> issubclass(MLPClassifier, nnfast.MLPClassifier)
    True
    >>> nnfast.uninstall()
    """
    with _lock:
        if _finder in sys.meta_path:
            return
        sys.meta_path.insert(0, _finder)
        _environment.switch_on()
    if MODULE in sys.modules:
        # Waits for another thread that is importing them.
        module = import_module(MODULE)
        import_module(PACKAGE)
        _swap(module)
        kept = [f"{name} in {holder}" for holder, name in _holders(_originals.values())]
        if kept:
            try:
                warnings.warn(
                    "imported before nnfast.install(), and so still scikit-learn's: "
                    + ", ".join(kept),
                    stacklevel=2,
                )
            except UserWarning:
                uninstall()  # where warnings are errors, a failed call changes nothing
                raise


def uninstall() -> None:
    """Put scikit-learn's classes back, here and in processes that start later.

    Estimators, subclasses and names that were made meanwhile stay nnfast's; pickles
    of the estimators are scikit-learn's as before. Without ``install`` it does
    nothing.
    """
    with _lock:
        if _finder not in sys.meta_path:
            return
        sys.meta_path.remove(_finder)
        _environment.switch_off()
        while _originals:
            from ._stand_in import stand_in  # which made the ones in place

            name, original = _originals.popitem()
            copyreg.dispatch_table.pop(original, None)
            _replace(name, stand_in(original), original)


def is_installed() -> bool:
    """Whether nnfast's classes are in scikit-learn's place.

    Returns
    -------
    bool
    """
    return _finder in sys.meta_path


def scikit_learns(name: str) -> "Any":
    """scikit-learn's own class of the name, also while ours is in its place."""
    module = import_module(MODULE)
    with _lock:
        return _originals.get(name) or getattr(module, name)


def _swap(module: "ModuleType") -> None:
    """Put ours into scikit-learn's module, and into its package where it has them."""
    from ._stand_in import is_stand_in, reduce, stand_in

    with _lock:
        for name in NAMES:
            original = getattr(module, name)
            # Otherwise another thread was faster, with install or with uninstall.
            if is_installed() and not is_stand_in(original):
                _replace(name, original, stand_in(original))
                # pickle wants to find a class under its own name; now ours is there.
                copyreg.pickle(original, reduce)
                _originals[name] = original


def _replace(name: str, old: type, new: type) -> None:
    """Let the name mean the new class wherever it means the old one."""
    for module in (sys.modules.get(MODULE), sys.modules.get(PACKAGE)):
        if getattr(module, name, None) is old:
            setattr(module, name, new)


def _holders(classes: "Any") -> "Iterator[tuple[str, str]]":
    """Module and name wherever one of the classes is held but where it is defined."""
    wanted = {id(found) for found in classes}
    seen = set()  # joblib, for one, has __main__ under a second name
    for holder, module in sorted(sys.modules.items()):
        if holder in (MODULE, PACKAGE) or id(module) in seen:
            continue
        seen.add(id(module))
        try:  # past the __getattribute__ of lazy modules, which would load them
            namespace = object.__getattribute__(module, "__dict__")
        except AttributeError:
            continue
        for name, value in sorted(namespace.items()):
            if id(value) in wanted:
                yield holder, name


class _Finder:
    """Finds scikit-learn's module as all others do, and swaps once it is executed."""

    def find_spec(
        self,
        name: str,
        path: "Sequence[str] | None" = None,
        target: "ModuleType | None" = None,
    ) -> "ModuleSpec | None":
        if name != MODULE:
            return None
        for finder in sys.meta_path:
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
                    return spec
        return None


class _Loader:
    """Stands before the module's own loader only until the module is executed."""

    def __init__(self, loader: "Any") -> None:
        self.loader = loader

    def create_module(self, spec: "ModuleSpec") -> "ModuleType | None":
        return self.loader.create_module(spec)

    def exec_module(self, module: "ModuleType") -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        _swap(module)


class _Environment:
    """The variable that child processes read, and what it was before."""

    before: str | None = None

    def switch_on(self) -> None:
        self.before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = "1"

    def switch_off(self) -> None:
        if self.before in (None, "1"):  # a child itself: its own children are not
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = self.before


_finder = _Finder()
_environment = _Environment()


def load_ipython_extension(shell: object) -> None:
    """``%load_ext nnfast``."""
    install()


def unload_ipython_extension(shell: object) -> None:
    """``%unload_ext nnfast``."""
    uninstall()
