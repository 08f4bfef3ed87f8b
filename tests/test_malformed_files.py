# SPDX-License-Identifier: BSD-3-Clause
"""A damaged or hostile model file is refused with a ValueError or is a valid model.

It takes at most twice its bytes and a megabyte of memory, whatever it says.
"""

import io
import json
import pickle
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from malformed import allowed, changes, memory, opened, seeds
from reliability import files, shim

import nnfast
from nnfast._model_files import safetensors

each_seed = pytest.mark.parametrize("name", seeds())


def parts(raw):
    """The header as an object, and the data."""
    end = 8 + int.from_bytes(raw[:8], "little")
    return json.loads(raw[8:end]), raw[end:]


def assembled(header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def said(raw):
    """What the refusal of a file says."""
    assert memory(raw) <= allowed(raw)
    with pytest.raises(ValueError, match="is no model that can be opened: ") as error:
        nnfast.load_model(io.BytesIO(raw))
    return str(error.value)


def test_a_header_that_is_nested_too_deeply():
    """How deep that is depends on Python: one may read all that a file can hold."""
    words = said(assembled(b'{"a":' + b"[" * 5000, b""))
    assert "nested too deeply" in words or "no valid JSON" in words
    with pytest.raises(ValueError, match="it is nested too deeply"):
        safetensors.json_value("[" * 10**6, "it", safetensors.Allowance(float("inf")))


@each_seed
def test_changed_bytes_and_truncations(name):
    """Every fifth place; ``python -m reliability files`` has all of them."""
    raw = seeds()[name]
    n_truncations = len(range(0, len(raw), 5))
    refused = sum(opened(changed) is None for changed in changes(raw, [4], step=5))
    assert refused > n_truncations  # all of those, and changes in the header


@pytest.mark.skipif(not shim.available(), reason="needs glibc, a C compiler and a GIL")
def test_the_figure_of_damaged_files():
    """Its memory is malloc's, where tracemalloc's is Python's."""
    found = files.measure("linear", 3, [1])
    assert found["files"] == 2 * len(range(0, len(seeds()["linear"]), 3))
    assert 0 < found["models"] < found["files"] / 2  # truncations are refused
    assert 0 < found["memory"] <= 1


@each_seed
def test_memory(name):
    raw = seeds()[name]
    assert memory(raw) <= allowed(raw)


@each_seed
def test_trailing_bytes(name):
    raw = seeds()[name]
    assert "its tensors have" in said(raw + b"\0")
    assert "its tensors have" in said(raw + bytes(8))


# ---- the layout ----

RAW = seeds()["text"]
HEADER, DATA = parts(RAW)


def changed_tensor(name="layers.0.weight", **fields):
    return assembled({**HEADER, name: {**HEADER[name], **fields}}, DATA)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "it ends within the length of its header"),
        (b"\x80\x04K\x01.", "it ends within the length"),
        (
            pickle.dumps(np.zeros(9)),
            "it does not begin with the length of a header: of",
        ),
        (struct.pack("<Q", 2**64 - 1) + RAW[8:], "would have 18446744073709551615"),
        (assembled(b"", b""), "its header does not begin with {"),
        (assembled(b" {}", b""), "its header does not begin with {"),
        (assembled(b"\xff", b""), "its header is not UTF-8"),
        (assembled(b"{]", b""), "the header is no valid JSON"),
        (assembled(b"{}x", b""), "the header is no valid JSON: Extra data"),
        (assembled(b'{"a":NaN}', b""), "NaN is not JSON"),
        (assembled(b'{"a":-Infinity}', b""), "-Infinity is not JSON"),
        (assembled(b'{"a":1e999}', b""), "1e999 is out of range"),
        (assembled(b'{"a":' + b"9" * 5000 + b"}", b""), "999 is out of range"),
        (assembled(b'{"a":{"b":1,"b":1}}', b""), "an object has 'b' twice"),
        (assembled(b"{}", b""), "do not say that its format is nnfast"),
        (
            assembled({**HEADER, "__metadata__": 1}, DATA),
            "__metadata__ must hold texts",
        ),
        (assembled({**HEADER, "__metadata__": {"a": 1}}, DATA), "must hold texts"),
        (assembled({**HEADER, "a": 1}, DATA), "tensor 'a' must have dtype, shape and"),
        (changed_tensor(more=1), "must have dtype, shape and data_offsets, no more"),
        (changed_tensor(dtype="F16"), "must have a dtype among ['F32', 'F64', 'U32']"),
        (changed_tensor(dtype=["F32"]), "must have a dtype among"),
        (changed_tensor(shape=[4, True]), "must have a shape and two offsets of whole"),
        (changed_tensor(shape=[4, 2.0]), "must have a shape and two offsets of whole"),
        (changed_tensor(shape=[-4, -2]), "must have a shape and two offsets of whole"),
        (changed_tensor(shape=[2**62, 4]), "a shape that does not fit its bytes"),
        (changed_tensor(shape=[2**63 - 1] * 2), "a shape that does not fit its bytes"),
        (changed_tensor(shape=[4, 2, 1]), "a shape that does not fit its bytes"),
        (changed_tensor(data_offsets=[0, 63]), "a shape that does not fit its bytes"),
        (changed_tensor(data_offsets=[64, 0]), "a shape that does not fit its bytes"),
        (changed_tensor("layers.0.bias", data_offsets=[56, 72]), "overlaps others"),
        (changed_tensor(data_offsets=[2**60, 2**60 + 64]), "leaves a hole before it"),
        (
            assembled({**HEADER, "x": HEADER["layers.0.weight"]}, DATA),
            "overlaps others",
        ),
        (
            assembled(
                {**HEADER, "x": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}},
                DATA,
            ),
            "tensor 'x' is unknown",
        ),
    ],
)
def test_the_layout(raw, words):
    assert words in said(raw)


# ---- what it says of a model ----


def replaced(seed, **entries):
    """A seed with other metadata; of a JSON text, with other entries or without."""
    header, data = parts(seeds()[seed])
    metadata = header["__metadata__"]
    for name, value in entries.items():
        if value is None:
            del metadata[name]
        elif isinstance(value, dict):
            old = json.loads(metadata[name])
            new = {k: v for k, v in {**old, **value}.items() if v is not ...}
            metadata[name] = json.dumps(new)
        else:
            metadata[name] = value
    return assembled(header, data)


@pytest.mark.parametrize(
    ("seed", "entries", "words"),
    [
        ("text", {"format": "other"}, "do not say that its format is nnfast"),
        ("text", {"version": "2"}, "has version '2', and this nnfast opens version 1"),
        ("text", {"more": "x"}, "the metadata has 'more', which is unknown"),
        ("text", {"network": None}, "the metadata lacks 'network'"),
        ("text", {"estimator": "MLPClassifier"}, "estimator must be one of ['classif"),
        ("text", {"estimator": "regressor"}, "labels must be there for a classifier"),
        ("linear", {"classes": "a\nb"}, "classes must be there for a classifier, and"),
        # the network
        ("text", {"network": "[]"}, "network must be a JSON object"),
        ("text", {"network": {"more": 1}}, "network has 'more', which is unknown"),
        ("text", {"network": {"widths": [4]}}, "widths must be a list of 2 to 1001"),
        ("text", {"network": {"widths": [1] * 1002}}, "must be a list of 2 to 1001"),
        ("text", {"network": {"widths": [4, 0, 3]}}, "widths must be at least 1"),
        ("text", {"network": {"widths": [4, 2.0, 3]}}, "widths must be a whole number"),
        ("text", {"network": {"widths": [4, 2**62, 3]}}, "not float32 or float64 of"),
        ("text", {"network": {"widths": [4, 3]}}, "activations must be one of"),
        ("text", {"network": {"activations": ["relu", "os"]}}, "activations must be"),
        (
            "text",
            {"network": {"activations": ["tanh", "softmax"]}},
            "activation is not",
        ),
        (
            "text",
            {"network": {"activations": ["relu", "logistic"]}},
            "does not go with",
        ),
        ("one target", {"network": {"activations": ["relu", "softmax"]}}, "regressor"),
        ("one target", {"network": {"activations": ["softmax", "exp"]}}, "is not what"),
        # parameters
        ("text", {"parameters": {"alpha": ...}}, "parameters lacks 'alpha'"),
        (
            "text",
            {"parameters": {"beta": 1}},
            "parameters has 'beta', which is unknown",
        ),
        ("text", {"parameters": {"alpha": -1.0}}, "'alpha' parameter of MLPClassifier"),
        (
            "text",
            {"parameters": {"alpha": "0.1"}},
            "'alpha' parameter of MLPClassifier",
        ),
        ("text", {"parameters": {"alpha": {"float": "nan"}}}, "'alpha' parameter of"),
        ("text", {"parameters": {"alpha": {"float": "1"}}}, "has a float that is none"),
        ("text", {"parameters": {"alpha": 2**63}}, "alpha is not the encoding of"),
        (
            "text",
            {"parameters": {"alpha": [1]}},
            "alpha is not the encoding of a value",
        ),
        ("text", {"parameters": {"alpha": {"eval": "1"}}}, "alpha is not the encoding"),
        ("text", {"parameters": {"solver": "os.system"}}, "'solver' parameter of"),
        ("text", {"parameters": {"dropout": {"list": 1}}}, "has a list that is none"),
        ("text", {"parameters": {"dropout": {"list": ["a"]}}}, "dropout[0] must be a"),
        (
            "text",
            {"parameters": {"class_weight": {"dict": [[1]]}}},
            "a dict that is no",
        ),
        ("text", {"parameters": {"class_weight": {"dict": 5}}}, "a dict that is none"),
        (
            "text",
            {"parameters": {"class_weight": {"dict": [[{"list": []}, 1]]}}},
            "class_weight has a dict that is none",
        ),
        (
            "text",
            {"parameters": {"class_weight": {"dict": [["a", 1], ["a", 2]]}}},
            "class_weight has a dict with a key twice",
        ),
        (
            "text",
            {"parameters": {"class_weight": {"dict": [["a", "b"]]}}},
            "class_weight must hold finite numbers",
        ),
        (
            "text",
            {"parameters": {"class_weight": {"dict": [["a", {"float": "inf"}]]}}},
            "class_weight must hold finite numbers",
        ),
        (
            "text",
            {"parameters": {"init": {"widths": [4, 3]}}},
            "tensor 'init.0.weight'",
        ),
        ("text", {"parameters": {"init": {"more": 1}}}, "init lacks 'widths'"),
        ("text", {"parameters": {"init": 1}}, "init must be a text or an object"),
        (
            "arrays",
            {"parameters": {"init": "auto"}},
            "tensor 'init.0.weight' is unknown",
        ),
        (
            "one target",
            {"parameters": {"random_state": 0}},
            "'random_state' is unknown",
        ),
        ("one target", {"parameters": {"random_state": {}}}, "lacks 'position'"),
        *(
            (
                "one target",
                {
                    "parameters": {
                        "random_state": {
                            "position": 1,
                            "has_gauss": 0,
                            "gauss": 0.0,
                            **changed,
                        }
                    }
                },
                words,
            )
            for changed, words in [
                ({"position": 625}, "random_state is not the state of a generator"),
                ({"position": -1}, "position must be a whole number from 0"),
                ({"has_gauss": 2}, "random_state is not the state of a generator"),
                ({"gauss": 1}, "random_state is not the state of a generator"),
                ({"gauss": {"float": "nan"}}, "random_state is not the state of a"),
            ]
        ),
        # labels
        ("text", {"labels": {"target": "binary"}}, "a binary target of 3 classes does"),
        (
            "text",
            {"labels": {"target": "x"}},
            "target must be one of ['binary', 'multi",
        ),
        ("text", {"labels": {"target": ["x"]}}, "target must be one of"),
        ("text", {"labels": {"sparse": 0}}, "sparse must be true or false"),
        (
            "text",
            {"labels": {"type": "object"}},
            "type of labels must be one of ['text",
        ),
        ("text", {"labels": {"type": ["text"]}}, "type of labels must be one of"),
        ("text", {"labels": {"type": "int64"}}, "classes are not all written as int64"),
        ("text", {"classes": "b\na\nc"}, "classes must be in order, each once"),
        ("text", {"classes": "a\nb\nb"}, "classes must be in order, each once"),
        ("text", {"classes": "a\nb"}, "a multiclass target of 2 classes does not go"),
        ("text", {"classes": "a\nb\n\\x"}, "classes has an unknown escape"),
        ("text", {"classes": "a\nb\n\\"}, "classes has an unknown escape"),
        ("text", {"classes": "a\nb\n\ud800"}, "not valid Unicode"),
        ("integers", {"classes": "-1\n0\n300"}, "classes are not all written as int8"),
        ("integers", {"classes": "-1\n0\n01"}, "classes are not all written as int8"),
        ("integers", {"classes": "-1\n0\n1_0"}, "classes are not all written as int8"),
        ("floats", {"classes": "0.0\nnan"}, "classes must be in order, each once"),
        ("floats", {"classes": "0\n7"}, "classes are not all written as float64"),
        ("booleans", {"classes": "False\nTrue"}, "classes are not all written as bool"),
        ("names", {"feature_names": "a\nb"}, "there are 2 feature_names for 4 inputs"),
        # training
        ("text", {"training": {"t_": -1}}, "t_ must be a whole number from 0 to 2**63"),
        ("text", {"training": {"t_": True}}, "t_ must be a whole number"),
        ("text", {"training": {"t_": 2**63}}, "t_ must be a whole number"),
        ("text", {"training": {"t_": None}}, "t_ must be a whole number"),
        ("text", {"training": {"loss_": 1}}, "loss_ must be a float"),
        ("text", {"training": {"loss_": "1"}}, "loss_ must be a float"),
        (
            "text",
            {"training": {"coefs_": 1}},
            "training has 'coefs_', which is unknown",
        ),
        ("text", {"training": {"loss_curve_": 3}}, "tensor 'loss_curve' is float64 of"),
        ("text", {"training": {"loss_curve_": None}}, "tensor 'loss_curve' is unknown"),
        # the optimizer
        ("text", {"optimizer": None}, "tensor 'moments' is unknown"),
        ("text", {"optimizer": {"solver": "sgd"}}, "tensor 'moments' is float64 of"),
        ("text", {"optimizer": {"solver": "lbfgs"}}, "must be sgd or adam"),
        ("text", {"optimizer": {"solver": 1}}, "'solver' parameter of"),
        ("text", {"optimizer": {"beta_1": 1.0}}, "'beta_1' parameter of"),
        ("text", {"optimizer": {"power_t": 1}}, "power_t must be a float"),
        ("text", {"optimizer": {"nesterov": 1}}, "'nesterovs_momentum' parameter of"),
        ("text", {"optimizer": {"learning_rate": -1.0}}, "the learning_rate of the op"),
        (
            "text",
            {"optimizer": {"learning_rate": {"float": "inf"}}},
            "the learning_rate of the optimizer is out of range",
        ),
        (
            "text",
            {"optimizer": {"epsilon": {"float": "inf"}}},
            "'epsilon' parameter of",
        ),
        ("text", {"optimizer": {"t": -1}}, "t must be a whole number"),
        ("text", {"optimizer": {"dropout_seed": 1.5}}, "dropout_seed must be a whole"),
    ],
)
def test_what_it_says_of_a_model(seed, entries, words):
    assert words in said(replaced(seed, **entries))


def test_a_single_label_is_no_multilabel_target():
    """It would have to be a column, which has no labels to predict."""
    labels = {"target": "multilabel-indicator"}
    assert "a multilabel-indicator target of 1 classes" in said(
        replaced("one class", labels=labels)
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["layers.0.weight", "layers.1.bias", "moments"])
def test_numbers_that_are_not_finite(name, value):
    start, end = HEADER[name]["data_offsets"]
    for place in (start, end - 8):
        data = bytearray(DATA)
        data[place : place + 8] = struct.pack("<d", value)
        # Sums of gradients, which come first, may overflow, and so may their squares.
        overflowed = value == np.inf or (value == -np.inf and place == start)
        if name == "moments" and overflowed:
            assert opened(assembled(HEADER, bytes(data)))
        else:
            assert f"{name} contain" in said(assembled(HEADER, bytes(data)))


# ---- memory and time ----


def with_metadata(**entries):
    return assembled(
        {**HEADER, "__metadata__": {**HEADER["__metadata__"], **entries}}, DATA
    )


N = 30_000
NASTY = {
    "empty lists": b"[" + b"[]," * N + b"0]",
    "small objects": b"[" + b'{"":0},' * N + b"0]",
    "one large object": b"{" + b",".join(b'"%d":1.5' % i for i in range(N)) + b"}",
    "just grown": b"{" + b",".join(b'"%d":[]' % i for i in range(10923)) + b"}",
    "texts": b"[" + b",".join(b'"%x"' % i for i in range(N)) + b"]",
    "wide text": b'"' + b"a" * 1_000_000 + b'\\ud83d\\ude00"',
    "wide bytes": b'"' + b"a" * 1_000_000 + '😀"'.encode(),
    "numbers": b"[" + b"1.5," * N + b"0]",
    "deep": b'{"a":' * 900 + b"0" + b"}" * 900,
    "many deep": b"[" + b",".join([b"[" * 500 + b"]" * 500] * 60) + b"]",
    "escapes": b'"' + b"\\\\" * 500_000 + b'"',
    "digits": b"[" + b",".join([b"9" * 4000] * 100) + b"]",
}


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("size", [0, 10_000_000])
def test_memory_that_json_would_take(name, size):
    """In the header, in a text of it, and before much data that justifies some."""
    text = NASTY[name]
    for header in (b'{"a":' + text + b"}", text):
        said(assembled(header, bytes(size)))
    for key in ("network", "parameters", "classes", "labels"):
        said(with_metadata(**{key: text.decode()}) + bytes(size))


def test_memory_of_texts():
    """One long label among many short ones would be a large array of long ones."""
    many = "\n".join([*map(str, range(100_000)), "x" * 100_000])
    for name in ("classes", "feature_names"):
        said(with_metadata(**{name: many}))
        said(with_metadata(**{name: "\n" * 1_000_000}))
    padded = json.dumps({**HEADER, "__metadata__": {"classes": many}}).encode()
    said(assembled(padded + b" " * 5_000_000, DATA))


def test_the_estimate_of_json_is_never_too_low():
    """What the reader charges for a text is what it takes, or more."""
    for name, raw in NASTY.items():
        text = raw.decode()
        charged = safetensors.Allowance(float("inf"))
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        value = None
        try:
            value = safetensors.json_value(text, "it", charged)
        except ValueError:
            assert name in ("deep", "many deep", "digits")
        peak = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()
        del value
        # A few hundred bytes are of the call itself.
        assert peak <= charged.taken + 2000, name


# ---- at random ----

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_values_in_random_places(data):
    """A value of the header, or of a JSON text in it, is replaced by another."""
    header, tensors = parts(seeds()[data.draw(st.sampled_from(sorted(seeds())))])
    metadata = header["__metadata__"]
    texts = {k: json.loads(v) for k, v in metadata.items() if v.startswith("{")}
    places = []

    def visit(value):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            places.append((value, key))
            if isinstance(inner, (dict, list)):
                visit(inner)

    visit(header)
    visit(texts)
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(places))
        holder[key] = data.draw(JSON)
    if isinstance(header.get("__metadata__"), dict):
        for name, value in texts.items():
            if name in metadata and isinstance(metadata[name], str):
                metadata[name] = json.dumps(value)
    raw = assembled(header, tensors)
    opened(raw)
    assert memory(raw) <= allowed(raw)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_random_bytes(raw, framed):
    assert opened(assembled(raw, b"") if framed else raw) is None
