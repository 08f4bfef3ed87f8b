/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The end of a fit: the estimator becomes what its copy has become. No signal handler
 * runs in between and, where there is a GIL, no other thread; without one, a lock keeps
 * those away that ask for it. What goes is kept until then, for it may have a finalizer
 * that runs anything.
 */
#include "core.h"

#include <string.h>

/* Two states of an estimator. */

/* Items of the later one that are other objects in the earlier; -1 with an exception.
 */
static int
find_learnt(PyObject *before, PyObject *after, PyObject *learnt)
{
    PyObject *name, *value;
    Py_ssize_t at = 0;

    while (PyDict_Next(after, &at, &name, &value)) {
        PyObject *known = PyDict_GetItemWithError(before, name);

        if (known == value) {
            continue;
        }
        if (PyErr_Occurred() || PyDict_SetItem(learnt, name, value) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Names that only the earlier one has; -1 with an exception. */
static int
find_gone(PyObject *before, PyObject *after, PyObject *gone)
{
    PyObject *name, *value;
    Py_ssize_t at = 0;

    while (PyDict_Next(before, &at, &name, &value)) {
        int stays = PyDict_Contains(after, name);

        if (stays < 0 || (!stays && PyList_Append(gone, name) < 0)) {
            return -1;
        }
    }
    return 0;
}

PyObject *
nnf_changes(PyObject *module, PyObject *args)
{
    PyObject *before, *after, *learnt, *gone, *result = NULL;

    (void)module;
    if (!PyArg_ParseTuple(args, "O!O!:changes", &PyDict_Type, &before, &PyDict_Type,
                          &after)) {
        return NULL;
    }
    /* Copies of our own: a name that is no str is compared by code that may do
     * anything. */
    before = PyDict_Copy(before);
    after = PyDict_Copy(after);
    learnt = PyDict_New();
    gone = PyList_New(0);
    if (before != NULL && after != NULL && learnt != NULL && gone != NULL &&
        find_learnt(before, after, learnt) == 0 &&
        find_gone(before, after, gone) == 0) {
        result = PyTuple_Pack(2, learnt, gone);
    }
    Py_XDECREF(before);
    Py_XDECREF(after);
    Py_XDECREF(learnt);
    Py_XDECREF(gone);
    return result;
}

/* From one to the other. */

struct handover {
    PyObject *lock, *release; /* had before, for which there must be memory */
    PyObject *state, *before; /* the estimator's, and a copy of it: nothing goes yet */
    PyObject *begun, *ended;  /* _model in between, and then */
    PyObject *grown, *learnt, *gone;
    PyObject *name;                 /* "_model" */
    Py_ssize_t n_grown;             /* lists that have grown already */
    Py_buffer weights, new_weights; /* of length 0: none are copied */
};

/* 0, or -1 with a TypeError. */
static int
read_pair(const char *expected, PyTypeObject *type, PyObject *pair, PyObject **first,
          PyObject **second)
{
    if (PyTuple_Check(pair) && PyTuple_GET_SIZE(pair) == 2) {
        *first = PyTuple_GET_ITEM(pair, 0);
        *second = PyTuple_GET_ITEM(pair, 1);
        if (*first != *second && PyObject_TypeCheck(*first, type) &&
            PyObject_TypeCheck(*second, type)) {
            return 0;
        }
    }
    PyErr_Format(PyExc_TypeError, "%s, got %R", expected, pair);
    return -1;
}

/* List i of those that grow, and what it grows by. */
static PyObject *
growing(const struct handover *over, Py_ssize_t i, PyObject **more)
{
    PyObject *pair = PyTuple_GET_ITEM(over->grown, i);

    *more = PyTuple_GET_ITEM(pair, 1);
    return PyTuple_GET_ITEM(pair, 0);
}

/* The memory that others look at and that which has the new weights. */
static int
read_memory(struct handover *over, PyObject *memory)
{
    PyObject *weights, *new_weights;

    if (memory == Py_None) {
        return 0;
    }
    if (read_pair("memory must be None or a pair of arrays", &PyBaseObject_Type, memory,
                  &weights, &new_weights) < 0 ||
        PyObject_GetBuffer(weights, &over->weights, PyBUF_WRITABLE) < 0 ||
        PyObject_GetBuffer(new_weights, &over->new_weights, PyBUF_SIMPLE) < 0) {
        return -1;
    }
    if (over->weights.len != over->new_weights.len) {
        PyErr_Format(PyExc_ValueError,
                     "memory must be a pair of one size, got %zd and %zd bytes",
                     over->weights.len, over->new_weights.len);
        return -1;
    }
    return 0;
}

/* Everything that is needed, in containers that nobody else has; -1 with an exception,
 * and then too drop_arguments comes next. */
static int
read_arguments(struct handover *over, PyObject *args)
{
    PyObject *grown, *learnt, *gone, *memory, *list, *more;

    *over = (struct handover){0};
    if (!PyArg_ParseTuple(args, "OO!OOO!O!O!O:hand_over", &over->lock, &PyDict_Type,
                          &over->state, &over->begun, &over->ended, &PyList_Type,
                          &grown, &PyDict_Type, &learnt, &PyList_Type, &gone,
                          &memory) ||
        (over->name = PyUnicode_InternFromString("_model")) == NULL ||
        (over->release = PyObject_GetAttrString(over->lock, "release")) == NULL ||
        (over->grown = PyList_AsTuple(grown)) == NULL ||
        (over->learnt = PyDict_Copy(learnt)) == NULL ||
        (over->gone = PyList_AsTuple(gone)) == NULL || read_memory(over, memory) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(over->grown); i++) {
        if (read_pair("grown must be pairs of two lists", &PyList_Type,
                      PyTuple_GET_ITEM(over->grown, i), &list, &more) < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(over->gone); i++) {
        if (PyObject_Hash(PyTuple_GET_ITEM(over->gone, i)) == -1) {
            return -1; /* no name of an item */
        }
    }
    return 0;
}

static void
drop_arguments(struct handover *over)
{
    Py_XDECREF(over->name);
    Py_XDECREF(over->release);
    Py_XDECREF(over->grown);
    Py_XDECREF(over->learnt);
    Py_XDECREF(over->gone);
    Py_XDECREF(over->before);
    PyBuffer_Release(&over->weights);
    PyBuffer_Release(&over->new_weights);
}

/* All that may lack memory; -1 with an exception. Lists come last: to cut one again may
 * need memory, to restore the state does not. */
static int
learn(struct handover *over)
{
    over->before = PyDict_Copy(over->state);
    if (over->before == NULL ||
        PyDict_SetItem(over->state, over->name, over->begun) < 0 ||
        PyDict_Update(over->state, over->learnt) < 0) {
        return -1;
    }
    for (; over->n_grown < PyTuple_GET_SIZE(over->grown); over->n_grown++) {
        PyObject *more, *list = growing(over, over->n_grown, &more);
        Py_ssize_t length = PyList_GET_SIZE(list);

        if (PyList_SetSlice(list, length, length, more) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Of an exception that cannot end what is being done, unless it says that a name is not
 * there. */
static void
tell_unless_missing(PyObject *name)
{
    if (PyErr_ExceptionMatches(PyExc_KeyError)) {
        PyErr_Clear();
    }
    else {
        PyErr_WriteUnraisable(name);
    }
}

/* The rest, for which no memory is needed: what is gone may have been missing. */
static void
conclude(struct handover *over)
{
    if (over->weights.len > 0) {
        memmove(over->weights.buf, over->new_weights.buf, (size_t)over->weights.len);
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(over->gone); i++) {
        PyObject *name = PyTuple_GET_ITEM(over->gone, i);

        if (PyDict_DelItem(over->state, name) < 0) {
            tell_unless_missing(name);
        }
    }
    if (PyDict_SetItem(over->state, over->name, over->ended) < 0) {
        PyErr_WriteUnraisable(over->name);
    }
}

/* An item of the state as it was. */
static void
restore(struct handover *over, PyObject *name)
{
    PyObject *value;

    Py_INCREF(name);
    value = PyDict_GetItemWithError(over->before, name);
    if (value == NULL) {
        PyErr_Clear();
        PyDict_DelItem(over->state, name);
    }
    else {
        PyDict_SetItem(over->state, name, value);
    }
    PyErr_Clear();
    Py_DECREF(name);
}

/* All is as before; lists are cut by a few items at a time, which needs no memory but
 * where CPython moves the rest. */
static void
take_back(struct handover *over)
{
    const Py_ssize_t few = 8;
    PyObject *name, *value;
    Py_ssize_t at = 0;

    if (over->before == NULL) {
        return;
    }
    while (over->n_grown-- > 0) {
        PyObject *more, *list = growing(over, over->n_grown, &more);

        for (Py_ssize_t left = PyList_GET_SIZE(more); left > 0; left -= few) {
            Py_ssize_t length = PyList_GET_SIZE(list);
            Py_ssize_t part = left < few ? left : few;

            PyList_SetSlice(list, length - part, length, NULL);
            PyErr_Clear();
        }
    }
    while (PyDict_Next(over->learnt, &at, &name, &value)) {
        restore(over, name);
    }
    restore(over, over->name);
}

/* 0, or -1 with an exception, of what a call has returned. */
static int
drop(PyObject *result)
{
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* 0, or -1 with an exception and nothing changed. The lock may have to be waited for:
 * only there can an interrupt come through. */
static int
run(struct handover *over)
{
    PyObject *type = NULL, *value = NULL, *traceback = NULL;
    bool learnt;

    if (drop(PyObject_CallMethod(over->lock, "acquire", NULL)) < 0) {
        return -1;
    }
    learnt = learn(over) == 0;
    if (learnt) {
        conclude(over);
    }
    else {
        PyErr_Fetch(&type, &value, &traceback);
        take_back(over);
    }
    if (drop(PyObject_CallNoArgs(over->release)) < 0) {
        PyErr_WriteUnraisable(over->release);
    }
    PyErr_Restore(type, value, traceback);
    return learnt ? 0 : -1;
}

PyObject *
nnf_hand_over(PyObject *module, PyObject *args)
{
    struct handover over;
    bool done;

    (void)module;
    done = read_arguments(&over, args) == 0 && run(&over) == 0;
    drop_arguments(&over);
    if (!done) {
        return NULL;
    }
    Py_RETURN_NONE;
}
