# SPDX-License-Identifier: BSD-3-Clause
"""A seed gives the generator that NumPy makes of it, in less time."""

import pickle

import numpy as np
import pytest
from sklearn import neural_network

import nnfast
from nnfast import MLPClassifier, _generators
from nnfast._generators import generator

SEEDS = [0, 1, 42, 2**31, 2**32 - 1]


@pytest.fixture(params=["quick", "slow"])
def way(request, monkeypatch):
    """With this NumPy, and with one that takes no list for a state."""

    def refuse(self, n_words, dtype=np.uint32):
        raise TypeError("an array is required")

    if request.param == "slow":
        monkeypatch.setattr(_generators._Zeros, "generate_state", refuse)


@pytest.mark.parametrize("seed", SEEDS)
def test_it_is_the_one_that_numpy_makes(way, seed):
    assert pickle.dumps(generator(seed)) == pickle.dumps(np.random.RandomState(seed))


def test_this_numpy_takes_the_quick_way(monkeypatch):
    monkeypatch.setattr(_generators, "check_random_state", None)
    generator(0)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_what_is_no_seed_is_refused_in_numpy_s_words(way, seed):
    for make in (np.random.RandomState, generator):
        with pytest.raises(
            ValueError, match=r"^Seed must be between 0 and 2\*\*32 - 1$"
        ):
            make(seed)


def test_anything_else_is_as_in_scikit_learn():
    given = np.random.RandomState(3)
    assert generator(given) is given
    assert generator(None) is np.random.mtrand._rand
    assert generator(np.int64(7)).randint(1000) == generator(7).randint(1000)


@pytest.mark.parametrize("seed", [0, np.int64(0)])
def test_a_partial_fit_of_one_batch_makes_no_generator(seed):
    X, y = np.eye(5), np.arange(5)
    model = MLPClassifier(batch_size=5, random_state=seed).partial_fit(X, y, classes=y)
    before = model._random_state
    assert model.partial_fit(X, y)._random_state is before  # made by the first one
    assert model.set_params(batch_size=4).partial_fit(X, y)._random_state is not before
    other = pickle.loads(pickle.dumps(model.set_params(batch_size=5)))
    assert not hasattr(other, "_random_state")
    there = other.partial_fit(X, y)._random_state  # as scikit-learn has it
    assert pickle.dumps(there) == pickle.dumps(np.random.RandomState(0))
    assert model.set_params(random_state=there).partial_fit(X, y)._random_state is there


@pytest.mark.parametrize("seed", [-1, 2**32, "0", 1.5])
def test_a_bad_seed_is_named_where_nothing_is_drawn(seed):
    X, y = np.eye(5), np.arange(5)
    model = MLPClassifier(random_state=0).partial_fit(X, y, classes=y)
    with pytest.raises(ValueError, match="'random_state' parameter of MLPClassifier"):
        model.set_params(random_state=seed).partial_fit(X, y)


@pytest.mark.parametrize(
    "random_state", [0, np.int64(0), None, np.random.RandomState(0)]
)
def test_ctrl_c_as_a_generator_is_begun_leaves_nothing(random_state, monkeypatch):
    class Interrupted(list):
        def append(self, item):
            super().append(item)
            raise KeyboardInterrupt

    in_use = Interrupted()
    monkeypatch.setattr(_generators, "_in_use", in_use)
    with pytest.raises(KeyboardInterrupt):
        MLPClassifier(random_state=random_state).fit(np.eye(5), np.arange(5))
    assert in_use == []


def test_the_module_of_numpy_draws_as_in_scikit_learn():
    X, y, ends = np.eye(5), np.arange(5), []
    before = np.random.get_state()  # noqa: NPY002
    try:
        for library in (neural_network, nnfast):
            model = library.MLPClassifier(random_state=0)
            model.partial_fit(X, y, classes=y).set_params(random_state=np.random)
            np.random.seed(1)  # noqa: NPY002
            model.partial_fit(X, y)
            ends.append(np.random.randint(2**31))  # noqa: NPY002
    finally:
        np.random.set_state(before)  # noqa: NPY002
    assert ends[0] == ends[1]
