/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The passes of a first layer whose inputs are a CSR matrix. Rows are used where they
 * are, one at a time, with the units on the lanes; the plan's buffer `samples` stands
 * between them and the tiles, where samples are on the lanes.
 *
 *     forward   z_i (h)        = b + sum over the row's entries (c, x) of x · W_c
 *     gradient  of W_c (h)    += x · delta_i, of b += delta_i, rows i in order
 */
#ifndef NNF_SPARSE_H
#define NNF_SPARSE_H

#include "span.h"

/* From the span's rows to the first layer's output. False: stopped. */
bool nnf_sparse_forward(const struct nnf_plan *plan, const void *parameters,
                        const struct nnf_span *span, void *slope);

/* The first layer's delta, sample-major, for nnf_sparse_gradient. */
void nnf_sparse_backward(const struct nnf_plan *plan, const struct nnf_span *span);

/* Columns [first, last) of the gradient of the first layer's weights and biases, summed
 * over the span, which is the whole tile; added to what is there when accumulate is
 * set. False: stopped. */
bool nnf_sparse_gradient(const struct nnf_plan *plan, const struct nnf_span *span,
                         size_t first, size_t last, void *gradient, bool accumulate);

#endif
