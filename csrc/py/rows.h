/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows of X with their targets and weights, as the core wants them. X is an array, or
 * the parts of a CSR matrix: a tuple (values, columns, row_starts).
 */
#ifndef NNF_PY_ROWS_H
#define NNF_PY_ROWS_H

#include "arrays.h"

/* Arrays are borrowed; those that are not given have no name. */
struct rows {
    struct array X, columns, row_starts, y, sample_weight;
    struct nnf_data data;
};

/* The inputs alone, or with targets and weights. Fills *rows; 0, or -1 with an
 * exception. Only what the arrays are is looked at: not what they hold. */
int nnf_rows_get_inputs(const struct nnf_net *net, PyObject *X, enum nnf_real real,
                        struct rows *rows);
int nnf_rows_get(const struct nnf_net *net, PyObject *X, PyObject *y,
                 PyObject *sample_weight, enum nnf_real real, struct rows *rows);

/* Sample weights of that name for the rows, which may be None; the same. */
int nnf_weights_get(PyObject *weights, const char *name, enum nnf_real real,
                    const struct rows *rows, struct array *array);

/* What the arrays hold: the inputs, or all, or numbers of the rows. 0, or -1 with an
 * exception. Signal handlers and other threads may run meanwhile, so the arrays must be
 * kept in their places. */
int nnf_rows_check_inputs(const struct nnf_net *net, const struct rows *rows);
int nnf_rows_check(const struct nnf_net *net, const struct rows *rows);
int nnf_rows_check_numbers(const struct rows *rows, const struct array *numbers);

#endif
