/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whether the arrays of an estimator are still the views of its θ, all of them in their
 * places: asked before every prediction, of which one of a row takes microseconds.
 */
#include "core.h"

/* What of θ no view has been found of. */
struct rest {
    const char *data;
    size_t size;
    enum nnf_real real;
};

/* Whether a list's entry views the next numbers: rows × columns of them, or a vector of
 * as many as columns where there are no rows. */
static bool
is_next(struct rest *rest, PyObject *list, Py_ssize_t i, size_t rows, size_t columns)
{
    PyObject *object = PySequence_GetItem(list, i);
    struct array array;
    bool is = false;

    if (object != NULL &&
        nnf_array_is_plain(object, ELEMENT_ANY_REAL, rows > 0 ? 2 : 1, &array)) {
        is = (rows > 0 ? nnf_array_has_shape(object, rows, columns)
                       : array.size == columns) &&
             array.real == rest->real && array.data == rest->data &&
             array.size <= rest->size;
    }
    if (is) {
        rest->data += array.n_bytes;
        rest->size -= array.size;
    }
    Py_XDECREF(object);
    return is;
}

static bool
is_list(PyObject *object, Py_ssize_t n)
{
    return (PyList_Check(object) || PyTuple_Check(object)) &&
           PySequence_Size(object) == n;
}

/* Zero, which no width is, with an exception where it is none. */
static size_t
width(PyObject *widths, Py_ssize_t i)
{
    size_t value = PyErr_Occurred() ? 0 : PyLong_AsSize_t(PyTuple_GET_ITEM(widths, i));

    return PyErr_Occurred() ? 0 : value;
}

int
nnf_views_check(PyObject *const *views, struct array *theta)
{
    struct rest rest;
    Py_ssize_t n;
    bool are;

    if (!nnf_array_is_plain(views[0], ELEMENT_ANY_REAL, 1, theta) ||
        !PyTuple_Check(views[1])) {
        return false;
    }
    rest = (struct rest){theta->data, theta->size, theta->real};
    n = PyTuple_GET_SIZE(views[1]) - 1;
    are = n > 0 && is_list(views[2], n) && is_list(views[3], n);
    for (Py_ssize_t i = 0; are && i < n; i++) {
        size_t in = width(views[1], i), out = width(views[1], i + 1);

        are = in > 0 && out > 0 && is_next(&rest, views[2], i, in, out) &&
              is_next(&rest, views[3], i, 0, out);
    }
    return PyErr_Occurred() ? -1 : are && rest.size == 0;
}

PyObject *
nnf_are_views(PyObject *module, PyObject *const *args, Py_ssize_t n_args)
{
    struct array theta;
    int are;

    (void)module;
    if (n_args != NNF_VIEWS) {
        PyErr_Format(PyExc_TypeError, "are_views takes 4 arguments, got %zd", n_args);
        return NULL;
    }
    are = nnf_views_check(args, &theta);
    return are < 0 ? NULL : PyBool_FromLong(are);
}
