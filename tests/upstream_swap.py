# SPDX-License-Identifier: BSD-3-Clause
"""A pytest plugin that puts nnfast's two classes in scikit-learn's place.

For ``pytest -p upstream_swap --pyargs sklearn...``: pytest imports it before any test
module. It then refuses to run a test that tests anything but nnfast.
"""

import pytest
from sklearn import neural_network
from sklearn.neural_network import _multilayer_perceptron

import nnfast

OURS = {name: getattr(nnfast, name) for name in ("MLPClassifier", "MLPRegressor")}

for module in (neural_network, _multilayer_perceptron):
    for name, estimator in OURS.items():
        setattr(module, name, estimator)


def networks(item):
    """The MLP classes that a test gets from its module and from its parameters."""
    values = list(vars(item.module).values())
    if hasattr(item, "callspec"):
        values += item.callspec.params.values()
    classes = {value if isinstance(value, type) else type(value) for value in values}
    return {cls for cls in classes if cls.__name__ in OURS}


@pytest.hookimpl(trylast=True)  # when -k has made its choice
def pytest_collection_modifyitems(items):
    for item in items:
        found = networks(item)
        if not found or not found <= set(OURS.values()):
            raise pytest.UsageError(f"{item.nodeid} does not test nnfast: {found}")
