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

/* Which rows, for the words of errors. */
enum rows_role { ROWS_TRAINING, ROWS_VALIDATION };

/* The inputs alone; 0, or -1 with an exception. */
int nnf_rows_get_inputs(const struct nnf_net *net, PyObject *X, enum nnf_real real,
                        enum rows_role role, struct rows *rows);

/* Inputs, targets and weights, all checked. */
int nnf_rows_get(const struct nnf_net *net, PyObject *X, PyObject *y,
                 PyObject *sample_weight, enum nnf_real real, enum rows_role role,
                 struct rows *rows);

#endif
