/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Between the caller's rows (sample-major) and tiles (feature-major): the gather of
 * a mini-batch and its transpose in one go, and the way back. Where fewer samples than
 * lanes are left the last one is repeated, so that a tile never holds a value that no
 * sample has; its weight there is zero.
 */
#ifndef NNF_KERNELS_ROWS_H
#define NNF_KERNELS_ROWS_H

#include "../kernels.h"
#include "shuffles.h"

/* So many reals ahead of those that are read, rows are fetched, where one ends from the
 * next: a batch has too many streams for the hardware to follow. */
#define AHEAD ((size_t)8 * LANES)

ALWAYS_INLINE size_t
row_number(const size_t *order, size_t n, size_t i)
{
    size_t j = i < n ? i : n - 1;

    return order == NULL ? j : order[j];
}

/* Where the rows from the j-th on begin, as many as there are lanes. */
ALWAYS_INLINE void
find_rows(size_t n, size_t d, const void *rows, const size_t *order, size_t j,
          const real *row[LANES])
{
    for (size_t i = 0; i < LANES; i++) {
        row[i] = (const real *)rows + row_number(order, n, j + i) * d;
    }
}

/* As many rows as there are lanes, each shorter than a vector. */
ALWAYS_INLINE void
load_narrow_rows(size_t d, const real *const row[LANES], real *to, size_t stride)
{
#ifdef LOAD_FIRST
    if (d > LANES / 4) {
        vec block[LANES];

        UNROLL
        for (int i = 0; i < LANES; i++) {
            block[i] = LOAD_FIRST(row[i], d);
        }
        transpose_block(block);
        UNROLL
        for (size_t c = 0; c < LANES - 1; c++) {
            if (c < d) {
                store(to + c * stride, block[c]);
            }
        }
        return;
    }
#endif
    for (size_t c = 0; c < d; c++) {
        for (size_t i = 0; i < LANES; i++) {
            to[c * stride + i] = row[i][c];
        }
    }
}

/* Columns from c on of as many rows, a vector of each; the reals from `next` on of
 * those that are fetched. */
ALWAYS_INLINE void
load_block(const real *const row[LANES], size_t c, const real *const fetched[LANES],
           size_t next, real *to, size_t stride)
{
    vec block[LANES];

    UNROLL
    for (int i = 0; i < LANES; i++) {
        __builtin_prefetch(fetched[i] + next);
    }
    load_rows_transposed(row, c, block);
    to += c * stride;
    UNROLL
    for (int i = 0; i < LANES; i++) {
        store(to, block[i]);
        to += stride;
    }
}

static void
load_rows(size_t n, size_t d, const void *rows, const size_t *order, void *tile,
          size_t stride)
{
    size_t ahead = d < AHEAD ? d : AHEAD;
    const real *row[LANES], *next_row[LANES];
    real *to = tile;

    find_rows(n, d, rows, order, 0, next_row);
    for (size_t j = 0; j < n; j += LANES) {
        size_t next = 0;

        for (int i = 0; i < LANES; i++) {
            row[i] = next_row[i];
        }
        find_rows(n, d, rows, order, j + LANES, next_row);
        if (d < LANES) {
            load_narrow_rows(d, row, to + j, stride);
            continue;
        }
        for (; next + ahead < d; next += LANES) {
            load_block(row, next, row, next + ahead, to + j, stride);
        }
        for (; next < d; next += LANES) {
            /* The last block reaches back over columns that are done already. */
            size_t c = next + LANES <= d ? next : d - LANES;

            load_block(row, c, next_row, c + ahead - d, to + j, stride);
        }
    }
}

static void
load_labels(size_t n, size_t d, const int64_t *labels, const size_t *order, void *tile,
            size_t stride)
{
    real *to = tile;

    for (size_t c = 0; c < d; c++) {
        for (size_t j = 0; j < n; j += LANES) {
            store(to + c * stride + j, splat(0));
        }
    }
    for (size_t j = 0; j < (n + LANES - 1) / LANES * LANES; j++) {
        uint64_t label = (uint64_t)labels[row_number(order, n, j)];

        /* Checked before, but the caller's array may have changed since. */
        if (label < d) {
            to[label * stride + j] = 1;
        }
    }
}

static void
load_weights(size_t n, const void *weights, const size_t *order, void *tile)
{
    const real *from = weights;
    real *to = tile;

    for (size_t j = 0; from == NULL && j < n; j += LANES) {
        store(to + j, splat(1));
    }
    for (size_t j = 0; from != NULL && j < n; j++) {
        to[j] = from[row_number(order, n, j)];
    }
    for (size_t j = n; j % LANES != 0; j++) {
        to[j] = 0;
    }
}

/* Of two NaNs the sum is one or the other as the compiler has put them, which differs
 * from one path to the next: what a prediction gives is one and the same. */
static const real one_nan = (real)__builtin_nan("");

ALWAYS_INLINE real
with_one_nan(real x)
{
    return x == x ? x : one_nan;
}

static void
store_rows(size_t n, size_t d, const void *tile, size_t stride, void *rows)
{
    const real *from = tile;
    real *to = rows;

    if (d <= LANES / 4) {
        for (size_t j = 0; j < n; j++) {
            for (size_t c = 0; c < d; c++) {
                to[j * d + c] = with_one_nan(from[c * stride + j]);
            }
        }
        return;
    }
    for (size_t j = 0; j < n; j += LANES) {
        size_t samples = n - j < LANES ? n - j : LANES;

        for (size_t c = 0; c < d; c += LANES) {
            size_t units = d - c < LANES ? d - c : LANES;
            vec block[LANES];

            load_transposed(units, from + c * stride + j, stride, block);
            for (size_t i = 0; i < samples; i++) {
                vec x = block[i];

                store_up_to(to + (j + i) * d + c, vec_select(x == x, x, splat(one_nan)),
                            units);
            }
        }
    }
}

static void
store_row(size_t d, const void *outputs, void *row)
{
    const real *from = outputs;
    real *to = row;

    for (size_t c = 0; c < d; c++) {
        to[c] = with_one_nan(from[c]);
    }
}

#endif
