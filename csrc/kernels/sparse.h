/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A row times the weights of a layer, and back: W (d × h) in θ's order, its rows along
 * the lanes. Entries are taken in their order, so a unit's sum does not depend on which
 * other units are computed with it; that of a dense row has the bits it has in a tile.
 */
#ifndef NNF_KERNELS_SPARSE_H
#define NNF_KERNELS_SPARSE_H

#include "../kernels.h"
#include "vector.h"

/* Units that are summed at a time: enough chains of additions to hide their latency. */
#define ROW_VECTORS 8

ALWAYS_INLINE void
row_units(const int vectors, const bool dense, size_t d, size_t h,
          const struct nnf_entries *x, const real *weights, const real *biases, real *z)
{
    const real *values = x->values;
    vec sum[ROW_VECTORS];

    UNROLL
    for (int v = 0; v < vectors; v++) {
        sum[v] = load_u(biases + v * LANES);
    }
    for (size_t k = 0; k < x->count; k++) {
        size_t column = dense ? k : (size_t)x->columns[k];

        if (dense || column < d) {
            UNROLL
            for (int v = 0; v < vectors; v++) {
                vec w = load_u(weights + column * h + (size_t)v * LANES);

                sum[v] = vec_multiply_add(splat(values[k]), w, sum[v]);
            }
        }
    }
    UNROLL
    for (int v = 0; v < vectors; v++) {
        store_u(z + v * LANES, sum[v]);
    }
}

/* The last units, fewer than the lanes. */
ALWAYS_INLINE void
last_row_units(const bool dense, size_t d, size_t h, size_t units,
               const struct nnf_entries *x, const real *weights, const real *biases,
               real *z)
{
    const real *values = x->values;
    vec sum = load_up_to(biases, units);

    for (size_t k = 0; k < x->count; k++) {
        size_t column = dense ? k : (size_t)x->columns[k];

        if (dense || column < d) {
            sum = vec_multiply_add(splat(values[k]),
                                   load_up_to(weights + column * h, units), sum);
        }
    }
    store_up_to(z, sum, units);
}

ALWAYS_INLINE void
forward_of_row(const bool dense, size_t d, size_t h, const struct nnf_entries *x,
               const real *w, const real *b, real *z)
{
    size_t j = 0;

    for (; j + ROW_VECTORS * LANES <= h; j += ROW_VECTORS * LANES) {
        row_units(ROW_VECTORS, dense, d, h, x, w + j, b + j, z + j);
    }
    for (; j + ROW_VECTORS / 4 * LANES <= h; j += ROW_VECTORS / 4 * LANES) {
        row_units(ROW_VECTORS / 4, dense, d, h, x, w + j, b + j, z + j);
    }
    for (; j < h; j += LANES) {
        size_t units = h - j < LANES ? h - j : LANES;

        last_row_units(dense, d, h, units, x, w + j, b + j, z + j);
    }
}

static void
row_forward(size_t d, size_t h, const struct nnf_entries *x, const void *weights,
            const void *biases, void *z)
{
    if (x->columns == NULL) {
        forward_of_row(true, d, h, x, weights, biases, z);
    }
    else {
        forward_of_row(false, d, h, x, weights, biases, z);
    }
}

/* Entries [first, last) of to += x · from. */
ALWAYS_INLINE void
add_multiple(real x, const real *from, size_t first, size_t last, real *to)
{
    size_t j = first;

    for (; j + LANES <= last; j += LANES) {
        store_u(to + j, load_u(to + j) + x * load_u(from + j));
    }
    if (j < last) {
        vec sum = load_up_to(to + j, last - j);

        sum += x * load_up_to(from + j, last - j);
        store_up_to(to + j, sum, last - j);
    }
}

static void
sparse_gradient(size_t d, size_t h, const struct nnf_entries *x, const void *delta,
                size_t first, size_t last, void *gradient)
{
    const real *values = x->values;
    real *g = gradient;

    for (size_t k = 0; k < x->count; k++) {
        size_t column = (size_t)x->columns[k];

        if (column < d) {
            add_multiple(values[k], delta, first, last, g + column * h);
        }
    }
    add_multiple(1, delta, first, last, g + d * h);
}

#endif
