/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of the binding share: the Net type, the scratch memory of a call, and
 * what happens while the GIL is released.
 */
#ifndef NNF_PY_CORE_H
#define NNF_PY_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../nnfast.h"
#include "arrays.h"

struct module_state {
    PyObject *net_type, *prepared_type;
    const char *isa; /* in use; a name of the core's */
};

/* An immutable value: a checked network that owns its widths and activations. */
typedef struct {
    PyObject_HEAD
    struct nnf_net net;
} NetObject;

extern PyType_Spec nnf_net_spec;

/* The kernels for an array's type and the isa argument (None: the module's); NULL
 * with a ValueError. */
const struct nnf_kernels *nnf_net_kernels(NetObject *self, PyObject *isa,
                                          enum nnf_real real);

/* Net.train, in training.c. */
PyObject *nnf_net_train(PyObject *self, PyObject *args, PyObject *kwargs);

/* are_views of the module, in views.c. */
PyObject *nnf_are_views(PyObject *module, PyObject *const *args, Py_ssize_t n_args);

/* changes and hand_over of the module, in handover.c. */
PyObject *nnf_changes(PyObject *module, PyObject *args);
PyObject *nnf_hand_over(PyObject *module, PyObject *args);

/* class_numbers of the module, in labels.c. */
PyObject *nnf_class_numbers(PyObject *module, PyObject *const *args, Py_ssize_t n_args);

/* Whether it is true of θ, its widths, the matrices and the vectors; *theta is then
 * filled. -1 with an exception. */
#define NNF_VIEWS 4
int nnf_views_check(PyObject *const *views, struct array *theta);

extern PyType_Spec nnf_prepared_spec;

/* Scratch memory of `size` bytes (0 is an overflow), aligned as the core wants it, or
 * NULL with a MemoryError. *block: what PyMem_RawFree frees. */
void *nnf_workspace_new(size_t size, void **block);

/* A call into the core: it keeps arrays in their places, has a workspace, runs without
 * the GIL, and comes back to let signals through. */
struct detached {
    void *workspace;
    void *block; /* what to free */
    PyThreadState *thread;
    PyObject *held;              /* what holds the arrays in their places */
    PyObject *acquire, *release; /* of a lock that is held meanwhile, or NULL */
    bool lock_held;
    bool failed; /* an exception is set */
};

/* Keep the arrays in their places: before they are looked at, because a signal handler
 * or another thread may run meanwhile. 0, and then drop or begin comes next, or -1 with
 * an exception. */
int nnf_detached_keep(struct detached *detached, const struct array *const *arrays,
                      size_t n_arrays);
void nnf_detached_drop(struct detached *detached);

/* Begin by getting a workspace of `size` bytes, taking the lock (may be NULL) and
 * releasing the GIL; 0, or -1 with an exception, and then the arrays are dropped. A
 * begin that returned 0 is followed by one end, which says -1 when an exception was set
 * meanwhile. */
int nnf_detached_begin(struct detached *detached, size_t size, PyObject *lock);
int nnf_detached_end(struct detached *detached);

/* Have the GIL for a moment. The lock is given back, so that a signal handler, a
 * callback or another thread can use what it guards, until somebody asks to hold it. */
void nnf_detached_attach(struct detached *detached);
void nnf_detached_release(struct detached *detached);

/* struct nnf_bits' function that takes the lock, with a struct detached as context. */
int nnf_detached_hold(void *context);

/* struct nnf_poll's function, with a struct detached as its context. */
int nnf_detached_poll(void *context);

#endif
