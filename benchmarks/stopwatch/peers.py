# SPDX-License-Identifier: BSD-3-Clause
"""One adapter per library: how its users would train and predict fastest.

Each is made once in a process of its own (see ``worker``), which is pinned to as many
processors as there are threads. ``training(shape, dtype)`` returns a function that
trains from the start for so many epochs: Adam, L2, mini-batches of shuffled rows.
The other methods return a function without arguments: ``prediction`` one that makes
probabilities of a NumPy array, ``fitting`` and ``partial_fitting`` one that trains for
one epoch, or one batch. An adapter takes no part in what it lacks the method for.
"""

import importlib
import os
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .shapes import SEED, Job, Shape

RATE, L2 = 1e-3, 1e-4  # scikit-learn's defaults

Train = Callable[[int], Any]
Call = Callable[[], Any]

# What an adapter prepares each task with.
METHODS = {
    "train": "training",
    "predict": "prediction",
    "fit": "fitting",
    "partial_fit": "partial_fitting",
}


class Estimators:
    """nnfast's or scikit-learn's MLPClassifier."""

    def __init__(self, module: str) -> None:
        self.classifier = importlib.import_module(module).MLPClassifier

    def model(self, shape: Shape, epochs: int) -> Any:
        from lessons.compare import every_epoch

        return self.classifier(
            shape.hidden,
            activation=shape.activation,
            batch_size=shape.batch,
            alpha=L2,
            learning_rate_init=RATE,
            random_state=SEED,
            **every_epoch(epochs),
        )

    def training(self, shape: Shape, dtype: str) -> Train:
        X, y = shape.data(dtype)
        return lambda epochs: self.model(shape, epochs).fit(X, y)

    def prediction(self, shape: Shape, dtype: str) -> Call:
        fitted = self.model(shape.to_fit(), 1).fit(*shape.to_fit().data(dtype))
        return partial(fitted.predict_proba, shape.data(dtype)[0])

    def fitting(self, shape: Shape, dtype: str) -> Call:
        return partial(self.model(shape, 1).fit, *shape.data(dtype))

    def partial_fitting(self, shape: Shape, dtype: str) -> Call:
        X, y = shape.data(dtype)
        batch = X[: shape.batch], y[: shape.batch]
        begun = self.model(shape, 1).partial_fit(*batch, classes=np.unique(y))
        return partial(begun.partial_fit, *batch)


class ScikitLearn(Estimators):
    """BLAS takes as many threads as the environment of the worker says."""

    def __init__(self, threads: int) -> None:
        super().__init__("sklearn.neural_network")


class NNFast(Estimators):
    """Chooses the number of threads itself, among the processors of the worker."""

    def __init__(self, threads: int) -> None:
        super().__init__("nnfast")


class Torch:
    """Eager, with the fused Adam and tensors made beforehand.

    All rows are shuffled once an epoch and then cut into batches, which takes fewer
    calls than to pick the rows of each batch.
    """

    def __init__(self, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        torch.set_flush_denormal(True)
        self.torch = torch

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function

    def network(self, shape: Shape, dtype: str) -> Any:
        nn = self.torch.nn
        activation = {"relu": nn.ReLU, "tanh": nn.Tanh, "logistic": nn.Sigmoid}
        layers: list[Any] = []
        for fan_in, fan_out in pairwise(shape.widths):
            layers += [nn.Linear(fan_in, fan_out), activation[shape.activation]()]
        self.torch.manual_seed(SEED)
        return nn.Sequential(*layers[:-1]).to(getattr(self.torch, dtype))

    def training(self, shape: Shape, dtype: str) -> Train:
        torch, network = self.torch, self.network(shape, dtype)
        X, y = map(torch.from_numpy, shape.data(dtype))
        if shape.n_outputs == 1:
            y = y.to(X.dtype).unsqueeze(1)
            criterion = torch.nn.functional.binary_cross_entropy_with_logits
        else:
            criterion = torch.nn.functional.cross_entropy
        loss_of = self.compiled(lambda x, y: criterion(network(x), y))
        start = {name: value.clone() for name, value in network.state_dict().items()}

        def train(epochs: int) -> float:
            network.load_state_dict(start)
            optimizer = torch.optim.Adam(
                network.parameters(), lr=RATE, weight_decay=L2, fused=True
            )
            for _ in range(epochs):
                batches = [(X, y)]
                if shape.steps > 1:
                    order = torch.randperm(shape.rows)
                    batches = zip(*(a[order].split(shape.batch) for a in (X, y)))
                for rows, targets in batches:
                    optimizer.zero_grad()
                    loss = loss_of(rows, targets)
                    loss.backward()
                    optimizer.step()
            return loss.item()

        return train

    def prediction(self, shape: Shape, dtype: str) -> Call:
        torch, network = self.torch, self.network(shape, dtype).eval()
        X, _ = shape.data(dtype)
        last = torch.sigmoid if shape.n_outputs == 1 else torch.nn.Softmax(1)
        forward = self.compiled(lambda x: last(network(x)))

        def predict() -> np.ndarray:
            with torch.inference_mode():
                return forward(torch.from_numpy(X)).numpy()

        return predict


class TorchCompiled(Torch):
    """Forward, loss and backward compiled; Adam is the fused one."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        # As many shapes as there are in one process would else fall back to eager.
        self.torch._dynamo.config.recompile_limit = 1000

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        self.torch.compiler.reset()
        return self.torch.compile(function)


class Jax:
    """A whole epoch, shuffling included, is one jitted scan whose state is donated."""

    def __init__(self, threads: int) -> None:
        import jax

        self.jax = jax

    def network(self, shape: Shape, dtype: str) -> tuple[Any, Callable[..., Any]]:
        """Initial weights, and the function from them and rows to logits."""
        jax, jnp = self.jax, self.jax.numpy
        jax.config.update("jax_enable_x64", dtype == "float64")
        activation = {"relu": jax.nn.relu, "tanh": jnp.tanh, "logistic": jax.nn.sigmoid}
        rng = np.random.default_rng(SEED)
        weights = []
        for fan_in, fan_out in pairwise(shape.widths):
            W = rng.standard_normal((fan_in, fan_out)) / np.sqrt(fan_in)
            weights.append((W.astype(dtype), np.zeros(fan_out, dtype)))

        def logits(weights: Any, x: Any) -> Any:
            for W, b in weights[:-1]:
                x = activation[shape.activation](x @ W + b)
            W, b = weights[-1]
            return x @ W + b

        return weights, logits

    def training(self, shape: Shape, dtype: str) -> Train:
        jax, jnp = self.jax, self.jax.numpy
        start, logits = self.network(shape, dtype)
        X, y = map(jnp.asarray, shape.data(dtype))

        def loss_of(weights: Any, rows: Any, targets: Any) -> Any:
            z = logits(weights, rows)
            if shape.n_outputs == 1:
                return jnp.mean(jax.nn.softplus(z[:, 0]) - targets * z[:, 0])
            right = jnp.take_along_axis(z, targets[:, None], 1)[:, 0]
            return jnp.mean(jax.nn.logsumexp(z, 1) - right)

        def step(state: Any, batch: Any) -> tuple[Any, Any]:
            weights, first, second, t = state
            loss, gradient = jax.value_and_grad(loss_of)(weights, *batch)
            t = t + 1
            rate = RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            gradient = jax.tree.map(lambda g, w: g + L2 * w, gradient, weights)
            first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
            second = jax.tree.map(
                lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient
            )
            weights = jax.tree.map(
                lambda w, m, v: w - rate.astype(w.dtype) * m / (jnp.sqrt(v) + 1e-8),
                *(weights, first, second),
            )
            return (weights, first, second, t), loss

        def epoch(state: Any, key: Any, X: Any, y: Any) -> tuple[Any, Any, Any]:
            if shape.steps > 1:
                key, use = jax.random.split(key)
                order = jax.random.permutation(use, shape.rows)
                X, y = X[order], y[order]
            batches = (
                X.reshape(shape.steps, shape.batch, -1),
                y.reshape(shape.steps, shape.batch),
            )
            state, losses = jax.lax.scan(step, state, batches)
            return state, key, losses.mean()

        run = jax.jit(epoch, donate_argnums=(0, 1))

        def train(epochs: int) -> float:
            weights = jax.tree.map(jnp.array, start)
            zeros = [jax.tree.map(jnp.zeros_like, weights) for _ in range(2)]
            state, key = (weights, *zeros, jnp.array(0.0)), jax.random.key(SEED)
            for _ in range(epochs):
                state, key, loss = run(state, key, X, y)
            return float(loss)

        return train

    def prediction(self, shape: Shape, dtype: str) -> Call:
        jax = self.jax
        X, _ = shape.data(dtype)
        start, logits = self.network(shape, dtype)
        last = jax.nn.sigmoid if shape.n_outputs == 1 else jax.nn.softmax
        weights = jax.tree.map(jax.numpy.asarray, start)
        forward = jax.jit(lambda weights, x: last(logits(weights, x)))
        return lambda: np.asarray(forward(weights, X))


class OnnxRuntime:
    """Predicts with a network that scikit-learn trained and skl2onnx converted."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def prediction(self, shape: Shape, dtype: str) -> Call:
        import onnxruntime
        from skl2onnx import to_onnx

        X, _ = shape.data(dtype)
        model = ScikitLearn(self.threads).model(shape.to_fit(), 1)
        model.fit(*shape.to_fit().data(dtype))
        converted = to_onnx(model, X[:1], options={"zipmap": False})
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        session = onnxruntime.InferenceSession(
            converted.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        name = session.get_inputs()[0].name
        return lambda: session.run(["probabilities"], {name: X})[0]


class Library(NamedTuple):
    """An adapter, the modules it imports, and whether --quick has the time for it.

    ``sections`` are those it takes part in, all if there are none. ``isa`` is an
    instruction set that nnfast is held to, in float32.
    """

    adapter: type
    modules: tuple[str, ...]
    quick: bool = True
    sections: tuple[str, ...] = ()
    isa: str | None = None


# In this order they are measured and shown. torch takes seconds to compile a shape.
LIBRARIES = {
    "nnfast": Library(NNFast, ("nnfast",)),
    "scikit-learn": Library(ScikitLearn, ("sklearn",)),
    "torch": Library(Torch, ("torch",)),
    "torch compiled": Library(TorchCompiled, ("torch",), quick=False),
    "JAX": Library(Jax, ("jax", "jaxlib")),
    "onnxruntime": Library(OnnxRuntime, ("onnxruntime", "skl2onnx")),
    "nnfast avx2": Library(
        NNFast, ("nnfast",), quick=False, sections=("table",), isa="avx2"
    ),
}
OURS = "nnfast"
ESTIMATORS_ONLY = ("sparse", "overhead")  # the frameworks have nothing like it


def is_peer(name: str) -> bool:
    """Whether it is another library."""
    return LIBRARIES[name].adapter is not NNFast


def can(name: str, job: Job) -> bool:
    """Whether the library does that task with such data."""
    library = LIBRARIES[name]
    if library.sections and job.section not in library.sections:
        return False
    if library.isa and job.dtype != "float32":
        return False
    if job.section in ESTIMATORS_ONLY and not issubclass(library.adapter, Estimators):
        return False
    return hasattr(library.adapter, METHODS[job.task])


def missing(name: str) -> list[str]:
    """What would have to be installed for this library."""
    return [module for module in LIBRARIES[name].modules if find_spec(module) is None]


def has_processor(name: str) -> bool:
    """Whether the processor has the instruction set, and nnfast uses a better one."""
    from nnfast import _core

    isa = LIBRARIES[name].isa
    return isa is None or (isa in _core.isas and isa != _core.isa)


def environment(name: str, threads: int) -> dict[str, str]:
    """What a library reads when it is imported, to keep it to so many threads."""
    isa = LIBRARIES[name].isa
    one = threads == 1
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    xla = f"--xla_cpu_multi_thread_eigen={'false' if one else 'true'}"
    return {
        **os.environ,
        **dict.fromkeys(names, str(threads)),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"{xla} intra_op_parallelism_threads={threads}",
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
        **({"NNFAST_ISA": isa} if isa else {}),
    }
