/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Labels as the numbers of their classes, of plain integers: every partial_fit asks for
 * those of its few rows, for which NumPy's calls take longer than the search does.
 */
#include "core.h"

/* How many classes, in ascending order, are less than the label. */
static size_t
number_of(int64_t label, const int64_t *classes, size_t n)
{
    size_t first = 0;

    while (n > 0) {
        size_t half = n / 2;

        if (classes[first + half] < label) {
            first += half + 1;
            n -= half + 1;
        }
        else {
            n = half;
        }
    }
    return first;
}

PyObject *
nnf_class_numbers(PyObject *module, PyObject *const *args, Py_ssize_t n_args)
{
    struct array labels, classes, numbers;
    PyObject *result;

    (void)module;
    if (n_args != 2) {
        PyErr_Format(PyExc_TypeError, "class_numbers takes 2 arguments, got %zd",
                     n_args);
        return NULL;
    }
    if (!nnf_array_is_plain(args[0], ELEMENT_INT64, 1, &labels) ||
        !nnf_array_is_plain(args[1], ELEMENT_INT64, 1, &classes)) {
        Py_RETURN_NONE;
    }
    result = nnf_array_new_numbers(labels.size, &numbers);
    for (size_t i = 0; result != NULL && i < labels.size; i++) {
        int64_t label = ((const int64_t *)labels.data)[i];
        size_t number = number_of(label, classes.data, classes.size);

        if (number == classes.size ||
            ((const int64_t *)classes.data)[number] != label) {
            Py_DECREF(result);
            Py_RETURN_NONE;
        }
        ((int64_t *)numbers.data)[i] = (int64_t)number;
    }
    return result;
}
