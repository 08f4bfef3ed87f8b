/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Running without the GIL. Python code (a signal handler, a callback) only ever runs
 * between attach and release, with no lock of ours held: it may call fit itself.
 */
#include "core.h"

void *
nnf_workspace_new(size_t size, void **block)
{
    size_t slack;

    *block = NULL;
    if (size == 0 || size > PY_SSIZE_T_MAX - NNF_ALIGNMENT) {
        PyErr_SetString(PyExc_MemoryError,
                        "the working memory of this network and batch is larger than "
                        "memory can address");
        return NULL;
    }
    *block = PyMem_RawMalloc(size + NNF_ALIGNMENT);
    if (*block == NULL) {
        PyErr_Format(PyExc_MemoryError,
                     "cannot allocate %zu bytes of working memory for this network and "
                     "batch",
                     size);
        return NULL;
    }
    slack = NNF_ALIGNMENT - (uintptr_t)*block % NNF_ALIGNMENT;
    return (char *)*block + slack % NNF_ALIGNMENT;
}

/* The lock's methods are looked up once: to give it back must take no memory. */
static int
find_lock(struct detached *detached, PyObject *lock)
{
    if (lock == NULL) {
        return 0;
    }
    detached->acquire = PyObject_GetAttrString(lock, "acquire");
    if (detached->acquire == NULL) {
        return -1;
    }
    detached->release = PyObject_GetAttrString(lock, "release");
    return detached->release == NULL ? -1 : 0;
}

static int
take_lock(struct detached *detached)
{
    PyObject *taken;

    if (detached->acquire == NULL) {
        return 0;
    }
    taken = PyObject_CallNoArgs(detached->acquire);
    if (taken == NULL) {
        return -1;
    }
    Py_DECREF(taken);
    detached->lock_held = true;
    return 0;
}

/* No exception is set here: one ends the call, which then comes here no more. */
static void
give_lock_back(struct detached *detached)
{
    PyObject *given;

    if (!detached->lock_held) {
        return;
    }
    detached->lock_held = false;
    given = PyObject_CallNoArgs(detached->release);
    Py_XDECREF(given);
    if (given == NULL) {
        PyErr_WriteUnraisable(detached->release);
    }
}

int
nnf_detached_keep(struct detached *detached, const struct array *const *arrays,
                  size_t n_arrays)
{
    *detached = (struct detached){.held = nnf_arrays_hold(arrays, n_arrays)};
    return detached->held == NULL ? -1 : 0;
}

void
nnf_detached_drop(struct detached *detached)
{
    PyMem_RawFree(detached->block);
    Py_XDECREF(detached->held);
    Py_XDECREF(detached->acquire);
    Py_XDECREF(detached->release);
}

int
nnf_detached_begin(struct detached *detached, size_t size, PyObject *lock)
{
    detached->workspace = nnf_workspace_new(size, &detached->block);
    if (detached->workspace == NULL || find_lock(detached, lock) < 0 ||
        take_lock(detached) < 0) {
        nnf_detached_drop(detached);
        return -1;
    }
    detached->thread = PyEval_SaveThread();
    return 0;
}

int
nnf_detached_end(struct detached *detached)
{
    PyEval_RestoreThread(detached->thread);
    give_lock_back(detached);
    nnf_detached_drop(detached);
    return detached->failed ? -1 : 0;
}

void
nnf_detached_attach(struct detached *detached)
{
    PyEval_RestoreThread(detached->thread);
    give_lock_back(detached);
}

void
nnf_detached_release(struct detached *detached)
{
    detached->thread = PyEval_SaveThread();
}

int
nnf_detached_hold(void *context)
{
    struct detached *detached = context;

    PyEval_RestoreThread(detached->thread);
    if (take_lock(detached) < 0) {
        detached->failed = true;
    }
    detached->thread = PyEval_SaveThread();
    return detached->failed;
}

int
nnf_detached_poll(void *context)
{
    struct detached *detached = context;

    nnf_detached_attach(detached);
    if (PyErr_CheckSignals() < 0) {
        detached->failed = true;
    }
    nnf_detached_release(detached);
    return detached->failed;
}
