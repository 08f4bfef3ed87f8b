# SPDX-License-Identifier: BSD-3-Clause
"""The five networks in plain NumPy, each written the way its tutorial writes it.

These are what nnfast is compared with, so they keep the tutorials' own style: one
array expression after the other, one loop over the epochs, the cost in every epoch.
Every ``train_...`` returns the trained network as a function from rows to outputs.
"""

from collections.abc import Callable

import numpy as np

Predict = Callable[[np.ndarray], np.ndarray]


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def sigmoid_derivative(a: np.ndarray) -> np.ndarray:
    """Derivative of the sigmoid, given its value."""
    return a * (1 - a)


# ---- T1: two layers, sigmoid everywhere, mean squared error --------------------------


def train_two_layers(X, Y, n_hidden, epochs, learning_rate, seed) -> Predict:
    rng = np.random.default_rng(seed)
    n, Y = len(X), Y.reshape(-1, 1)
    W1 = rng.normal(size=(X.shape[1], n_hidden)) * 0.1
    b1 = np.zeros((1, n_hidden))
    W2 = rng.normal(size=(n_hidden, 1)) * 0.1
    b2 = np.zeros((1, 1))
    costs = []

    for _ in range(epochs):
        A1 = sigmoid(X @ W1 + b1)
        A2 = sigmoid(A1 @ W2 + b2)
        costs.append(np.mean((A2 - Y) ** 2))

        dZ2 = (A2 - Y) * sigmoid_derivative(A2)
        dW2 = A1.T @ dZ2 / n
        db2 = dZ2.sum(axis=0, keepdims=True) / n
        dZ1 = dZ2 @ W2.T * sigmoid_derivative(A1)
        dW1 = X.T @ dZ1 / n
        db1 = dZ1.sum(axis=0, keepdims=True) / n

        W1 -= learning_rate * dW1
        b1 -= learning_rate * db1
        W2 -= learning_rate * dW2
        b2 -= learning_rate * db2

    return lambda X: sigmoid(sigmoid(X @ W1 + b1) @ W2 + b2).ravel()


# ---- T2: a class with feedforward and backprop, sum of squared errors ----------------


class NeuralNetwork:
    def __init__(self, x, y, n_hidden, seed):
        rng = np.random.default_rng(seed)
        self.input = x
        self.y = y.reshape(-1, 1)
        self.weights1 = rng.random((x.shape[1], n_hidden))
        self.weights2 = rng.random((n_hidden, 1))

    def feedforward(self):
        self.layer1 = sigmoid(self.input @ self.weights1)
        self.output = sigmoid(self.layer1 @ self.weights2)

    def backprop(self):
        d_output = 2 * (self.y - self.output) * sigmoid_derivative(self.output)
        d_weights2 = self.layer1.T @ d_output
        d_layer1 = d_output @ self.weights2.T * sigmoid_derivative(self.layer1)
        d_weights1 = self.input.T @ d_layer1
        self.weights1 += d_weights1
        self.weights2 += d_weights2


def train_class(X, y, n_hidden, epochs, seed) -> Predict:
    network = NeuralNetwork(X, y, n_hidden, seed)
    losses = []
    for _ in range(epochs):
        network.feedforward()
        losses.append(np.sum((network.y - network.output) ** 2))
        network.backprop()

    def predict(X):
        network.input = X
        network.feedforward()
        return network.output.ravel()

    return predict


# ---- T3: tanh hidden layer, sigmoid output, binary cross-entropy ---------------------


def train_shallow(X, y, n_hidden, epochs, learning_rate, seed) -> Predict:
    rng = np.random.default_rng(seed)
    X, Y = X.T, y.reshape(1, -1)
    m = X.shape[1]
    W1 = rng.normal(size=(n_hidden, X.shape[0])) * 0.01
    b1 = np.zeros((n_hidden, 1))
    W2 = rng.normal(size=(1, n_hidden)) * 0.01
    b2 = np.zeros((1, 1))
    costs = []

    for _ in range(epochs):
        A1 = np.tanh(W1 @ X + b1)
        A2 = sigmoid(W2 @ A1 + b2)
        costs.append(-np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m)

        dZ2 = A2 - Y
        dW2 = dZ2 @ A1.T / m
        db2 = np.sum(dZ2, axis=1, keepdims=True) / m
        dZ1 = W2.T @ dZ2 * (1 - A1**2)
        dW1 = dZ1 @ X.T / m
        db1 = np.sum(dZ1, axis=1, keepdims=True) / m

        W1 -= learning_rate * dW1
        b1 -= learning_rate * db1
        W2 -= learning_rate * dW2
        b2 -= learning_rate * db2

    return lambda X: sigmoid(W2 @ np.tanh(W1 @ X.T + b1) + b2).ravel()


# ---- T4: a class with forward, backward, train and predict ---------------------------


class StudyNetwork:
    def __init__(self, n_inputs, n_hidden, n_outputs, seed):
        rng = np.random.default_rng(seed)
        self.W1 = rng.normal(size=(n_inputs, n_hidden))
        self.W2 = rng.normal(size=(n_hidden, n_outputs))

    def forward(self, X):
        self.z2 = sigmoid(X @ self.W1)
        return sigmoid(self.z2 @ self.W2)

    def backward(self, X, y, o):
        o_delta = (y - o) * sigmoid_derivative(o)
        z2_delta = o_delta @ self.W2.T * sigmoid_derivative(self.z2)
        self.W1 += X.T @ z2_delta
        self.W2 += self.z2.T @ o_delta

    def train(self, X, y):
        o = self.forward(X)
        self.backward(X, y, o)
        return np.mean((y - o) ** 2)

    def predict(self, X):
        return self.forward(X).ravel()


def train_study(X, y, n_hidden, epochs, seed) -> Predict:
    network = StudyNetwork(X.shape[1], n_hidden, 1, seed)
    y = y.reshape(-1, 1)
    losses = []
    for _ in range(epochs):
        losses.append(network.train(X, y))
    return network.predict


# ---- T5: any depth, ReLU hidden layers, sigmoid output, caches -----------------------


def initialise_layers(layer_sizes, seed):
    rng = np.random.default_rng(seed)
    parameters = {}
    for i, (d, h) in enumerate(zip(layer_sizes, layer_sizes[1:]), start=1):
        parameters[f"W{i}"] = rng.normal(size=(h, d)) * np.sqrt(2 / d)
        parameters[f"b{i}"] = np.zeros((h, 1))
    return parameters


def forward_layers(A, parameters):
    """Output and, for backward, each layer's input and pre-activation ("caches")."""
    caches = []
    depth = len(parameters) // 2
    for i in range(1, depth + 1):
        Z = parameters[f"W{i}"] @ A + parameters[f"b{i}"]
        caches.append((A, Z))
        A = sigmoid(Z) if i == depth else np.maximum(0, Z)
    return A, caches


def backward_layers(output, Y, parameters, caches):
    gradients = {}
    m = Y.shape[1]
    dZ = output - Y
    for i in range(len(caches), 0, -1):
        A_previous, _ = caches[i - 1]
        gradients[f"W{i}"] = dZ @ A_previous.T / m
        gradients[f"b{i}"] = np.sum(dZ, axis=1, keepdims=True) / m
        if i > 1:
            dA = parameters[f"W{i}"].T @ dZ
            dZ = dA * (caches[i - 2][1] > 0)
    return gradients


def train_deep(X, y, hidden, epochs, learning_rate, seed) -> Predict:
    X, Y = X.T, y.reshape(1, -1)
    m = X.shape[1]
    parameters = initialise_layers([X.shape[0], *hidden, 1], seed)
    costs = []
    for _ in range(epochs):
        output, caches = forward_layers(X, parameters)
        costs.append(-np.sum(Y * np.log(output) + (1 - Y) * np.log(1 - output)) / m)
        gradients = backward_layers(output, Y, parameters, caches)
        for name, gradient in gradients.items():
            parameters[name] -= learning_rate * gradient
    return lambda X: forward_layers(X.T, parameters)[0].ravel()
