# SPDX-License-Identifier: BSD-3-Clause
"""An estimator as texts and arrays, and back: what version 1 of a model file says.

docs/model-files.md describes it for others. The parts are in the files beside this one,
each written by one function, checked by the next and read by a third. All parts are
checked before the first array is read: from then on only a number can be wrong.
"""

from typing import Any, BinaryIO

import numpy as np

from .._mlp_classifier import MLPClassifier
from .._mlp_regressor import MLPRegressor
from . import labels, network, parameters, training
from .safetensors import Contents
from .values import known

VERSION = 1
ESTIMATORS = {"classifier": MLPClassifier, "regressor": MLPRegressor}

_REQUIRED = ("format", "version", "estimator", "network", "parameters", "training")
_OPTIONAL = ("labels", "classes", "feature_names", "optimizer")


def described(
    estimator: Any, kind: str, with_optimizer: bool
) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """The metadata and the arrays of a fitted estimator."""
    theta, widths = estimator._theta()
    arrays: dict[str, np.ndarray] = {}
    made = ESTIMATORS[kind]
    metadata = {
        "format": "nnfast",
        "version": str(VERSION),
        "estimator": kind,
        "network": network.network_of(estimator, theta, widths, arrays),
        "parameters": parameters.parameters_of(estimator, made, arrays),
        "training": training.training_of(estimator, arrays),
    }
    if kind == "classifier":
        metadata["labels"], metadata["classes"] = labels.labels_of(estimator)
    if hasattr(estimator, "feature_names_in_"):
        metadata["feature_names"] = labels.feature_names_of(estimator)
    if with_optimizer:
        metadata |= training.optimizer_of(estimator, theta, arrays)
    # The largest entries first: all are then aligned, as in the package's files.
    order = sorted(arrays, key=lambda name: -arrays[name].itemsize)
    return metadata, {name: arrays[name] for name in order}


class Model:
    """What a file says, all of it checked but the numbers in its arrays."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        metadata = contents.metadata
        if metadata.get("format") != "nnfast":
            raise ValueError("its metadata do not say that its format is nnfast")
        if metadata.get("version") != str(VERSION):
            raise ValueError(
                f"its format has version {metadata.get('version')!r:.20}, and this"
                f" nnfast opens version {VERSION}"
            )
        known(metadata, _REQUIRED, "the metadata", _OPTIONAL)
        kind = metadata["estimator"]
        if kind not in ESTIMATORS:
            raise ValueError(f"estimator must be one of {sorted(ESTIMATORS)}")
        for name in ("labels", "classes"):
            if (name in metadata) != (kind == "classifier"):
                raise ValueError(f"{name} must be there for a classifier, and only so")

        self.widths, activations = network.check_network(contents)
        self.estimator = parameters.check_parameters(
            contents, ESTIMATORS[kind], activations
        )
        self.attributes = {
            "n_features_in_": self.widths[0],
            "n_layers_": len(self.widths),
            "n_outputs_": self.widths[-1],
            "out_activation_": activations[-1],
            **training.check_training(contents),
        }
        if kind == "classifier":
            self.attributes |= labels.check_labels(
                contents, activations[-1], self.widths[-1]
            )
        if "feature_names" in metadata:
            names = labels.check_feature_names(contents, self.widths[0])
            self.attributes["feature_names_in_"] = names
        self.optimizer = None
        if "optimizer" in metadata:
            self.optimizer = training.check_optimizer(contents, self.widths)
        contents.end_of_claims()

    def read(self, file: BinaryIO) -> Any:
        """The estimator with the arrays that the file has."""
        theta = network.read_layers(file, self.contents, "layers", self.widths)
        parameters.read_parameters(file, self.contents, self.estimator)
        training.read_training(file, self.contents, self.attributes)
        self.attributes["_optimizer"] = self.optimizer and (
            training.read_optimizer(file, self.contents, self.optimizer)
        )
        vars(self.estimator).update(self.attributes)
        self.estimator._adopt(theta, self.widths)
        return self.estimator
