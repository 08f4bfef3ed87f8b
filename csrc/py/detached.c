/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Running without the GIL. Python code (a signal handler, a callback) only ever runs
 * between attach and release, with no lock of ours held: it may call fit itself.
 */
#include "core.h"

void *
nnf_workspace_new(size_t size, void **block)
{
    uintptr_t start;

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
    start = (uintptr_t)*block;
    return (char *)*block + (NNF_ALIGNMENT - start % NNF_ALIGNMENT) % NNF_ALIGNMENT;
}

void
nnf_workspace_free(void *block)
{
    PyMem_RawFree(block);
}

static int
take_lock(struct detached *detached)
{
    PyObject *taken;

    if (detached->lock == NULL) {
        return 0;
    }
    taken = PyObject_CallMethod(detached->lock, "acquire", NULL);
    if (taken == NULL) {
        return -1;
    }
    Py_DECREF(taken);
    detached->lock_held = true;
    return 0;
}

/* No exception is set here: one ends the call, and the lock is then not taken again. */
static void
give_lock_back(struct detached *detached)
{
    PyObject *given;

    if (!detached->lock_held) {
        return;
    }
    detached->lock_held = false;
    given = PyObject_CallMethod(detached->lock, "release", NULL);
    Py_XDECREF(given);
    if (given == NULL) {
        PyErr_WriteUnraisable(detached->lock);
    }
}

int
nnf_detached_begin(struct detached *detached, PyObject *lock)
{
    *detached = (struct detached){.lock = lock};
    if (take_lock(detached) < 0) {
        return -1;
    }
    detached->thread = PyEval_SaveThread();
    return 0;
}

void
nnf_detached_end(struct detached *detached)
{
    PyEval_RestoreThread(detached->thread);
    give_lock_back(detached);
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
    if (!detached->failed && take_lock(detached) < 0) {
        detached->failed = true;
    }
    detached->thread = PyEval_SaveThread();
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
