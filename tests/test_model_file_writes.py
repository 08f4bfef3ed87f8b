# SPDX-License-Identifier: BSD-3-Clause
"""A model is saved to a path or a file object whole or not at all, whatever fails, and
opened from both.
"""

import io
import os
import pathlib
import stat
import threading

import pytest
from model_corpus import X, corpus, equal, saved

import nnfast
from nnfast._model_files import file as model_file

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# ---- paths and file objects ----


@pytest.mark.parametrize("kind", [str, pathlib.Path, os.fsencode])
def test_paths(tmp_path, kind):
    model, rows = corpus()["text"]
    path = kind(str(tmp_path / "größe.safetensors"))
    model.save_model(path)
    assert equal(nnfast.load_model(path).predict(rows), model.predict(rows))
    with pytest.raises(FileNotFoundError):
        nnfast.load_model(path + b"x" if isinstance(path, bytes) else f"{path}x")


def test_file_objects(tmp_path):
    """Buffered or not, and from where they stand."""
    model, rows = corpus()["text"]
    for buffering in (0, -1):
        with open(tmp_path / "a", "wb", buffering=buffering) as file:
            file.write(b"before")
            model.save_model(file)
        with open(tmp_path / "a", "rb", buffering=buffering) as file:
            assert file.read(6) == b"before"
            assert equal(nnfast.load_model(file).predict(rows), model.predict(rows))


class Slow(io.BytesIO):
    """Takes and gives three bytes at a time, as a raw file may."""

    def write(self, data):
        return super().write(bytes(data[:3]))

    def read(self, size=-1):
        return super().read(min(size, 3))


def test_a_raw_file_that_takes_and_gives_little_at_a_time():
    model, rows = corpus()["text"]
    file = Slow()
    model.save_model(file)
    assert file.getvalue() == saved(model)
    file.seek(0)
    assert equal(nnfast.load_model(file).predict(rows), model.predict(rows))


def test_file_objects_that_will_not_do():
    raw = saved(corpus()["text"][0])
    reading, writing = os.pipe()
    with open(writing, "wb") as file:
        file.write(raw)
    with open(reading, "rb") as file, pytest.raises(ValueError, match="not seekable"):
        nnfast.load_model(file)
    with pytest.raises(ValueError, match="it is not open in binary mode"):
        nnfast.load_model(io.StringIO("text that is long enough"))
    with pytest.raises(TypeError, match="not int"):
        nnfast.load_model(3)


def test_a_file_on_disk_is_mapped_into_no_model(tmp_path):
    """What is done to the file afterwards, or to the model, stays where it is."""
    model, rows = corpus()["text"]
    path = tmp_path / "model"
    model.save_model(path)
    loaded = nnfast.load_model(path)
    path.write_bytes(b"")
    loaded.coefs_[0][:] *= 2
    assert not equal(loaded.predict_proba(rows), model.predict_proba(rows))


# ---- at once or not at all ----


def steps(monkeypatch):
    """Each call that writing to a path makes of the system, failing at the nth."""
    calls = []

    def counting(module, name):
        real = getattr(module, name)

        def call(*args, **more):
            calls.append(name)
            if len(calls) == calls_until_failure[0]:
                raise OSError(f"{name} failed")
            return real(*args, **more)

        monkeypatch.setattr(module, name, call)

    calls_until_failure = [0]
    for name in ("chmod", "fsync", "replace"):
        counting(os, name)
    return calls, calls_until_failure


def listed(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    """Whichever of the writes it is, with half of it done."""
    model, _ = corpus()["text"]
    path, whole = tmp_path / "model", saved(corpus()["text"][0])
    path.write_bytes(b"old")
    n_done, fails_after = 0, 0
    write = model_file._write

    def failing(file, buffer):
        nonlocal n_done
        if n_done == fails_after:
            write(file, buffer[: len(buffer) // 2])
            raise OSError("no space")
        write(file, buffer)
        n_done += 1

    monkeypatch.setattr(model_file, "_write", failing)
    # The header, two weights, two biases and two curves.
    for nth in range(7):
        n_done, fails_after = 0, nth
        with pytest.raises(OSError, match="no space"):
            model.save_model(path)
        assert listed(tmp_path) == {"model": b"old"}
    n_done, fails_after = 0, 7
    model.save_model(path)
    assert listed(tmp_path) == {"model": whole}


@pytest.mark.parametrize("old", [b"old", None])
def test_a_failed_call_of_the_system_leaves_the_old_file(tmp_path, monkeypatch, old):
    model, _ = corpus()["text"]
    path = tmp_path / "model"
    before = {} if old is None else {"model": old}
    expected = ["chmod", "fsync", "replace", "fsync"][old is None :]
    for nth, failing in enumerate(expected, 1):
        for found in tmp_path.iterdir():
            found.unlink()
        if old is not None:
            path.write_bytes(old)
        with monkeypatch.context() as patch:
            calls, until = steps(patch)
            until[0] = nth
            with pytest.raises(OSError, match=f"^{failing} failed$"):
                model.save_model(path)
        assert calls == expected[:nth]
        # Once it is renamed, only a loss of power could bring the old one back.
        renamed = nth == len(expected)
        assert listed(tmp_path) == ({"model": saved(model)} if renamed else before)


def test_an_interrupt_leaves_the_old_file(tmp_path, monkeypatch):
    model, _ = corpus()["text"]
    path = tmp_path / "model"
    path.write_bytes(b"old")

    def interrupted(handle):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.save_model(path)
    assert listed(tmp_path) == {"model": b"old"}


def test_permissions_are_those_that_open_gives(tmp_path):
    model, _ = corpus()["text"]
    path, plain = tmp_path / "model", tmp_path / "plain"
    for mask in (0o022, 0o077):
        before = os.umask(mask)
        try:
            model.save_model(path)
            plain.write_bytes(b"")
        finally:
            os.umask(before)
        assert path.stat().st_mode == plain.stat().st_mode
        path.unlink()
        plain.unlink()
    path.write_bytes(b"old")
    path.chmod(0o640)
    model.save_model(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_symbolic_link_stays(tmp_path):
    model, rows = corpus()["text"]
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "model", tmp_path / "link"
    link.symlink_to(target)
    for _ in range(2):  # a new file, and an old one
        model.save_model(link)
        assert link.is_symlink()
        assert equal(nnfast.load_model(target).predict(rows), model.predict(rows))


def test_what_is_no_file_is_written_to(tmp_path):
    model, _ = corpus()["text"]
    with pytest.raises(IsADirectoryError):
        model.save_model(tmp_path)
    with pytest.raises(FileNotFoundError):
        model.save_model(tmp_path / "missing" / "model")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    model.save_model(pipe)
    reader.join()
    assert found == [saved(model)]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_two_writers_leave_one_whole_file(tmp_path):
    """And whoever reads meanwhile finds a whole one too."""
    models = [corpus()[name][0] for name in ("text", "integers")]
    possible = [saved(model) for model in models]
    path = tmp_path / "model"
    models[0].save_model(path)
    done = threading.Event()
    torn = []

    def write(model):
        for _ in range(50):
            model.save_model(path)

    def read():
        while not done.is_set():
            if path.read_bytes() not in possible:
                torn.append(True)

    writers = [threading.Thread(target=write, args=[model]) for model in models]
    reader = threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert torn == []
    assert path.read_bytes() in possible
    assert [found.name for found in tmp_path.iterdir()] == ["model"]


def test_a_model_is_saved_whole_while_it_is_fitted(tmp_path):
    """Each file is the model before a step of training or after it."""
    model = nnfast.MLPRegressor(hidden_layer_sizes=(50,), random_state=0).partial_fit(
        X, X[:, 0]
    )
    stages, done, n_steps = [saved(model)], threading.Event(), 0
    twin = nnfast.load_model(io.BytesIO(saved(model, optimizer=True)))

    def learn():
        nonlocal n_steps
        while not done.is_set():
            model.partial_fit(X, X[:, 0])
            n_steps += 1

    worker = threading.Thread(target=learn)
    worker.start()
    found = {saved(model) for _ in range(100)}
    done.set()
    worker.join()
    for _ in range(n_steps):
        stages.append(saved(twin.partial_fit(X, X[:, 0])))
    assert saved(model) == stages[-1]
    assert found <= set(stages)
