# SPDX-License-Identifier: BSD-3-Clause
"""The methods by which a model leaves nnfast: to a file, and to scikit-learn."""

from typing import Any

from ._pickles import Pickles


class Saving(Pickles):
    """An estimator as far as it is saved or converted."""

    def save_model(self, path: Any, *, optimizer: bool = False) -> None:
        """Save the fitted model as a file that any later version opens.

        The file holds numbers and texts, no code, in the layout of safetensors; see
        docs/model-files.md. What a model is made of is there: parameters, weights,
        classes, names of features, counters and curves. Attributes of your own are not.

        Parameters
        ----------
        path : str, path-like or binary file object
            A file that is there is replaced at once and only when all is written, so
            that a failure leaves it as it was; it keeps its permissions. A file object
            is written to from where it stands, once all that can be wrong with the
            model has been checked.

        optimizer : bool, default=False
            Whether to add the state of sgd or adam, once or twice the weights: then
            ``partial_fit`` of the loaded model goes on bit for bit. Without, it begins
            a new optimizer.

        Raises
        ------
        ValueError
            When the estimator is not fitted, or holds what a file cannot: it is of a
            subclass, a weight is NaN, or a parameter is invalid or of an unusual type.

        OSError
            When the file cannot be written.

        See Also
        --------
        load_model : The way back.

        Examples
        --------
        >>> import io
        >>> import nnfast
        >>> model = nnfast.MLPRegressor(solver="lbfgs", random_state=0)
        >>> file = io.BytesIO()
        >>> model.fit([[0], [1]], [0, 1]).save_model(file)
        >>> nnfast.load_model(io.BytesIO(file.getvalue()))
        MLPRegressor(random_state=0, solver='lbfgs')
        """
        from ._model_files.file import save_model

        save_model(self, path, optimizer)

    def to_sklearn(self) -> Any:
        """Convert to scikit-learn's estimator of the same name.

        Parameters, fitted attributes and the optimizer's state are taken over bit for
        bit: predictions are the same up to rounding, and ``partial_fit`` and
        ``warm_start`` go on where this estimator is. ``n_jobs``, which changes no
        result, is left out.

        Returns
        -------
        sklearn.neural_network.MLPClassifier or MLPRegressor
            It shares no memory with this estimator: arrays and ``random_state`` are
            copied, as ``sklearn.base.clone`` copies parameters.

        Raises
        ------
        ValueError
            When the network uses what scikit-learn lacks; it names every such
            parameter.

        TypeError
            When the estimator is of a subclass, whose code would be lost.

        See Also
        --------
        from_sklearn : The way back.

        Examples
        --------
        >>> from nnfast import MLPRegressor
        >>> ours = MLPRegressor(solver="lbfgs", random_state=0).fit([[0], [1]], [0, 1])
        >>> ours.to_sklearn()
        MLPRegressor(random_state=0, solver='lbfgs')
        """
        from ._conversion import to_sklearn

        return to_sklearn(self)
