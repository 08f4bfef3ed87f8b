/* SPDX-License-Identifier: BSD-3-Clause */
#include "arrays.h"

#define NPY_NO_DEPRECATED_API NPY_1_25_API_VERSION
#define NPY_TARGET_VERSION NPY_1_25_API_VERSION
#include <numpy/arrayobject.h>

int
nnf_arrays_import(void)
{
    return PyArray_ImportNumPyAPI();
}

static const char *const element_names[] = {
    [ELEMENT_FLOAT32] = "float32",
    [ELEMENT_FLOAT64] = "float64",
    [ELEMENT_INT32] = "int32",
    [ELEMENT_INT64] = "int64",
    [ELEMENT_ANY_REAL] = "float32 or float64",
};

/* PyArray_EquivTypenums crashes for data types of a user's own that have no number. */
static bool
is_integer(PyArrayObject *array, size_t n_bytes)
{
    return PyTypeNum_ISSIGNED(PyArray_TYPE(array)) &&
           (size_t)PyArray_ITEMSIZE(array) == n_bytes;
}

static bool
is_element(PyArrayObject *array, enum element element)
{
    int type = PyArray_TYPE(array);

    switch (element) {
    case ELEMENT_FLOAT32:
        return type == NPY_FLOAT32;
    case ELEMENT_FLOAT64:
        return type == NPY_FLOAT64;
    case ELEMENT_INT32:
        return is_integer(array, sizeof(int32_t));
    case ELEMENT_INT64:
        return is_integer(array, sizeof(int64_t));
    default:
        return type == NPY_FLOAT32 || type == NPY_FLOAT64;
    }
}

/* "(3, any)" into text. */
static void
write_shape(const struct array_demand *demand, char *text, size_t size)
{
    char each[2][24];

    for (int i = 0; i < demand->ndim; i++) {
        if (demand->shape[i] == ANY_LENGTH) {
            PyOS_snprintf(each[i], sizeof each[i], "any");
        }
        else {
            PyOS_snprintf(each[i], sizeof each[i], "%zu", demand->shape[i]);
        }
    }
    if (demand->ndim == 1) {
        PyOS_snprintf(text, size, "(%s,)", each[0]);
    }
    else {
        PyOS_snprintf(text, size, "(%s, %s)", each[0], each[1]);
    }
}

/* What keeps a well-typed array from being used in place; null: nothing. */
static const char *
layout_flaw(PyArrayObject *array, bool writable)
{
    if (!PyArray_ISNOTSWAPPED(array)) {
        return "byte-swapped";
    }
    if (!PyArray_IS_C_CONTIGUOUS(array)) {
        return "not C-contiguous";
    }
    if (!PyArray_ISALIGNED(array)) {
        return "misaligned";
    }
    if (writable && !PyArray_ISWRITEABLE(array)) {
        return "read-only";
    }
    return NULL;
}

static int
refuse(PyObject *kind, const struct array_demand *demand, PyArrayObject *array,
       const char *flaw)
{
    PyObject *shape = PyObject_GetAttrString((PyObject *)array, "shape");

    if (shape != NULL) {
        char expected[64];

        write_shape(demand, expected, sizeof expected);
        PyErr_Format(kind,
                     "%s must be a C-contiguous%s %s array of shape %s, got %s%s%S of "
                     "shape %S",
                     demand->name, demand->writable ? ", writable" : "",
                     element_names[demand->element], expected, flaw == NULL ? "" : flaw,
                     flaw == NULL ? "" : " ", (PyObject *)PyArray_DESCR(array), shape);
        Py_DECREF(shape);
    }
    return -1;
}

static struct array
described(PyArrayObject *given)
{
    return (struct array){
        .object = (PyObject *)given,
        .data = PyArray_DATA(given),
        .shape = {1, 1},
        .size = (size_t)PyArray_SIZE(given),
        .n_bytes = (size_t)PyArray_NBYTES(given),
        .real = PyArray_TYPE(given) == NPY_FLOAT64 ? NNF_FLOAT64 : NNF_FLOAT32,
    };
}

int
nnf_array_get(PyObject *object, const struct array_demand *demand, struct array *array)
{
    PyArrayObject *given = (PyArrayObject *)object;
    const char *flaw;

    if (!PyArray_Check(object)) {
        PyErr_Format(PyExc_TypeError, "%s must be a NumPy array, got %s", demand->name,
                     Py_TYPE(object)->tp_name);
        return -1;
    }
    if (!is_element(given, demand->element)) {
        return refuse(PyExc_TypeError, demand, given, NULL);
    }
    flaw = layout_flaw(given, demand->writable);
    if (flaw != NULL || PyArray_NDIM(given) != demand->ndim) {
        return refuse(PyExc_ValueError, demand, given, flaw);
    }
    *array = described(given);
    array->name = demand->name;
    array->writable = demand->writable;
    for (int i = 0; i < demand->ndim; i++) {
        array->shape[i] = (size_t)PyArray_DIM(given, i);
        if (demand->shape[i] != ANY_LENGTH && demand->shape[i] != array->shape[i]) {
            return refuse(PyExc_ValueError, demand, given, NULL);
        }
    }
    return 0;
}

bool
nnf_array_is_plain(PyObject *object, enum element element, long ndim,
                   struct array *array)
{
    PyArrayObject *given = (PyArrayObject *)object;

    if (!PyArray_CheckExact(object) || !is_element(given, element) ||
        PyArray_NDIM(given) != ndim || layout_flaw(given, false) != NULL ||
        PyArray_SIZE(given) == 0) {
        return false;
    }
    *array = described(given);
    return true;
}

enum element
nnf_element_of(enum nnf_real real)
{
    return real == NNF_FLOAT64 ? ELEMENT_FLOAT64 : ELEMENT_FLOAT32;
}

bool
nnf_array_has_ndim(PyObject *object, int ndim)
{
    return PyArray_Check(object) && PyArray_NDIM((PyArrayObject *)object) == ndim;
}

bool
nnf_array_has_shape(PyObject *object, size_t rows, size_t columns)
{
    return nnf_array_has_ndim(object, 2) &&
           (size_t)PyArray_DIM((PyArrayObject *)object, 0) == rows &&
           (size_t)PyArray_DIM((PyArrayObject *)object, 1) == columns;
}

static bool
overlap(const struct array *a, const struct array *b)
{
    uintptr_t first = (uintptr_t)a->data, second = (uintptr_t)b->data;

    return first < second + b->n_bytes && second < first + a->n_bytes;
}

int
nnf_arrays_check_overlap(const struct array *const *arrays, size_t n_arrays)
{
    for (size_t i = 0; i < n_arrays; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct array *a = arrays[i], *b = arrays[j];

            if (a->object != NULL && b->object != NULL &&
                (a->writable || b->writable) && overlap(a, b)) {
                PyErr_Format(PyExc_ValueError, "%s and %s must not share memory",
                             b->name, a->name);
                return -1;
            }
        }
    }
    return 0;
}

/* Weak references: ndarray.resize refuses an array that has one, whatever it is told
 * about references. */
PyObject *
nnf_arrays_hold(const struct array *const *arrays, size_t n_arrays)
{
    PyObject *held = PyTuple_New((Py_ssize_t)n_arrays);

    for (size_t i = 0; held != NULL && i < n_arrays; i++) {
        PyObject *reference = arrays[i]->object == NULL
                                  ? Py_NewRef(Py_None)
                                  : PyWeakref_NewRef(arrays[i]->object, NULL);

        if (reference == NULL) {
            Py_CLEAR(held);
            break;
        }
        PyTuple_SET_ITEM(held, (Py_ssize_t)i, reference);
    }
    return held;
}

int
nnf_array_look(const struct array *array, nnf_look *look, const void *context,
               const char **flaw)
{
    size_t left = array->size, n;
    const char *elements = array->data;
    PyObject *held;
    int failed;

    if (left <= NNF_LOOK_AT_ONCE) {
        *flaw = look(context, left, elements);
        return 0;
    }
    *flaw = NULL;
    held = nnf_arrays_hold(&array, 1);
    failed = held == NULL ? -1 : 0;
    for (; left > 0 && *flaw == NULL && failed == 0; left -= n) {
        n = left < NNF_LOOK_AT_ONCE ? left : NNF_LOOK_AT_ONCE;
        Py_BEGIN_ALLOW_THREADS *flaw = look(context, n, elements);
        Py_END_ALLOW_THREADS failed = PyErr_CheckSignals();
        elements += n * (array->n_bytes / array->size);
    }
    Py_XDECREF(held);
    return failed;
}

PyObject *
nnf_array_new(size_t rows, size_t columns, enum nnf_real real, bool fortran,
              struct array *array)
{
    npy_intp shape[] = {(npy_intp)rows, (npy_intp)columns};
    int type = real == NNF_FLOAT64 ? NPY_FLOAT64 : NPY_FLOAT32;
    PyObject *made = PyArray_EMPTY(2, shape, type, fortran);

    if (made != NULL) {
        *array = described((PyArrayObject *)made);
    }
    return made;
}

PyObject *
nnf_array_new_numbers(size_t size, struct array *array)
{
    npy_intp shape[] = {(npy_intp)size};
    PyObject *made = PyArray_SimpleNew(1, shape, NPY_INT64);

    if (made != NULL) {
        *array = described((PyArrayObject *)made);
    }
    return made;
}

PyObject *
nnf_float64(double value)
{
    PyArray_Descr *type = PyArray_DescrFromType(NPY_FLOAT64);
    PyObject *number = type == NULL ? NULL : PyArray_Scalar(&value, type, NULL);

    Py_XDECREF((PyObject *)type);
    return number;
}
