/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The only door through which NumPy arrays enter. Arrays are demanded, never
 * converted: a copy made here would be trained in place of the caller's.
 */
#ifndef NNF_PY_ARRAYS_H
#define NNF_PY_ARRAYS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stddef.h>

#include "../nnfast.h"

enum element {
    ELEMENT_FLOAT32,
    ELEMENT_FLOAT64,
    ELEMENT_INT32,
    ELEMENT_INT64,
    ELEMENT_ANY_REAL
};

#define ANY_LENGTH SIZE_MAX

struct array_demand {
    const char *name;
    enum element element;
    int ndim;        /* 1 or 2 */
    size_t shape[2]; /* ANY_LENGTH where any will do */
    bool writable;
};

struct array {
    const char *name; /* a demand's */
    PyObject *object; /* borrowed; null: not given */
    void *data;
    size_t shape[2];
    size_t size, n_bytes;
    bool writable;
    enum nnf_real real; /* of a real array */
};

/* 0, or -1 with a NumPy ImportError. Call once, when the module is made. */
int nnf_arrays_import(void);

/* Fill *array from object, whose memory it borrows; 0, or -1 with a TypeError or
 * ValueError that names the argument, what was expected and what came. */
int nnf_array_get(PyObject *object, const struct array_demand *demand,
                  struct array *array);

/* What arrays of that type hold. */
enum element nnf_element_of(enum nnf_real real);

/* True when object is an ndarray itself (no subclass) of such elements, with that many
 * dimensions, none of them empty, that the core could use as it is; *array is then
 * filled. Sets no exception. */
bool nnf_array_is_plain(PyObject *object, enum element element, long ndim,
                        struct array *array);

/* True when object is an array with that many dimensions, or rows and columns. */
bool nnf_array_has_ndim(PyObject *object, int ndim);
bool nnf_array_has_shape(PyObject *object, size_t rows, size_t columns);

/* 0 when no array that is written shares memory with another, else -1 with a
 * ValueError. */
int nnf_arrays_check_overlap(const struct array *const *arrays, size_t n_arrays);

/* Elements, or rows, that are looked at in a few milliseconds. */
#define NNF_LOOK_AT_ONCE ((size_t)2 * 1024 * 1024)

/* What is wrong with n elements, or NULL. */
typedef const char *nnf_look(const void *context, size_t n, const void *elements);

/* *flaw: what `look` says of the array, part by part where it takes long: others run
 * meanwhile, but none can resize it. 0, or -1 with an exception. */
int nnf_array_look(const struct array *array, nnf_look *look, const void *context,
                   const char **flaw);

/* A new object that keeps NumPy from resizing the arrays for as long as it lives, or
 * NULL with an exception. */
PyObject *nnf_arrays_hold(const struct array *const *arrays, size_t n_arrays);

/* A new array of rows × columns, in Fortran's order if so asked; *array is then filled.
 * NULL with an exception. */
PyObject *nnf_array_new(size_t rows, size_t columns, enum nnf_real real, bool fortran,
                        struct array *array);

/* A new array of so many int64; *array is then filled. NULL with an exception. */
PyObject *nnf_array_new_numbers(size_t size, struct array *array);

/* A new np.float64, or NULL with an exception. */
PyObject *nnf_float64(double value);

#endif
