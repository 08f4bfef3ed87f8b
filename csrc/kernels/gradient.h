/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The gradients of a dense layer: sums over samples, which lie on the lanes.
 *
 *     of W (d × h) and b (h), as one matrix of d + 1 rows = input deltaᵀ
 *
 * where below its d rows input has one of ones, whose weights are the biases.
 * Most outputs go through the product of gemm.h: its vectors then run along outputs, so
 * delta is first turned into column blocks, [outputs / LANES][samples][LANES]. Where
 * a block would be mostly padding, sums are taken lane by lane first and then along the
 * lanes of many at once.
 */
#ifndef NNF_KERNELS_GRADIENT_H
#define NNF_KERNELS_GRADIENT_H

#include "../kernels.h"
#include "gemm.h"
#include "shuffles.h"

/* Sums along the lanes in tiles of rows × columns products: as many as the registers
 * hold, and as end together in vectors. */
#define DOT_ROWS (MANY_REGISTERS ? 8 : 5)
#define DOT_COLUMNS (MANY_REGISTERS ? 4 : 3)
#define DOT_BLOCKS ((20 + LANES - 1) / LANES) /* of 20 products at most */

ALWAYS_INLINE void
dot_tile(const int rows, const int columns, size_t n, const real *x, const real *y,
         size_t stride, real *c, size_t c_stride, bool accumulate)
{
    vec sum[DOT_BLOCKS * LANES] = {{0}};
    real total[DOT_BLOCKS * LANES];

    NO_UNROLL
    for (size_t j = 0; j < n; j += LANES) {
        vec right[DOT_COLUMNS];

        UNROLL
        for (int s = 0; s < columns; s++) {
            right[s] = load(y + (size_t)s * stride + j);
            if (MANY_REGISTERS) {
                right[s] = in_register(right[s]);
            }
        }
        UNROLL
        for (int r = 0; r < rows; r++) {
            vec left = load(x + (size_t)r * stride + j);

            UNROLL
            for (int s = 0; s < columns; s++) {
                vec *to = &sum[r * columns + s];

                *to = vec_multiply_add(left, right[s], *to);
            }
        }
    }
    UNROLL
    for (int block = 0; block * LANES < rows * columns; block++) {
        store_u(total + block * LANES, sum_lanes(sum + block * LANES));
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int s = 0; s < columns; s++) {
            real *to = c + (size_t)r * c_stride + s;

            *to = accumulate ? *to + total[r * columns + s] : total[r * columns + s];
        }
    }
}

typedef void dot_function(size_t n, const real *x, const real *y, size_t stride,
                          real *c, size_t c_stride, bool accumulate);

#define DOT(rows, columns)                                                             \
    static __attribute__((noinline)) void dot_##rows##x##columns(                      \
        size_t n, const real *x, const real *y, size_t stride, real *c,                \
        size_t c_stride, bool accumulate)                                              \
    {                                                                                  \
        dot_tile(rows, columns, n, x, y, stride, c, c_stride, accumulate);             \
    }

/* clang-format off */
#define EACH_DOT(f, columns) f(1, columns) f(2, columns) f(3, columns)
#define DOT_NAME(rows, columns) [rows] = dot_##rows##x##columns,

#if MANY_REGISTERS
#define EACH_DOT_1(f) EACH_DOT(f, 1) f(4, 1) f(5, 1) f(8, 1)
#define EACH_DOT_2(f) EACH_DOT(f, 2) f(4, 2) f(5, 2) f(8, 2)
#define EACH_DOT_3(f) EACH_DOT(f, 3) f(4, 3) f(5, 3)
#define EACH_DOT_4(f) EACH_DOT(f, 4) f(4, 4) f(5, 4)
#else
#define EACH_DOT_1(f) EACH_DOT(f, 1) f(4, 1) f(5, 1)
#define EACH_DOT_2(f) EACH_DOT(f, 2) f(4, 2) f(5, 2)
#define EACH_DOT_3(f) EACH_DOT(f, 3)
#define EACH_DOT_4(f)
#endif

EACH_DOT_1(DOT)
EACH_DOT_2(DOT)
EACH_DOT_3(DOT)
EACH_DOT_4(DOT)

/* [columns][rows] */
static dot_function *const dot_tiles[DOT_COLUMNS + 1][DOT_ROWS + 1] = {
    [1] = {EACH_DOT_1(DOT_NAME)},
    [2] = {EACH_DOT_2(DOT_NAME)},
    [3] = {EACH_DOT_3(DOT_NAME)},
#if MANY_REGISTERS
    [4] = {EACH_DOT_4(DOT_NAME)},
#endif
};
/* clang-format on */

/* Rows of the next tile when that many are left. */
ALWAYS_INLINE size_t
dot_rows(size_t left, size_t columns)
{
    if (MANY_REGISTERS && columns <= 2 && left >= 8) {
        return 8;
    }
    if (!MANY_REGISTERS && columns == 3) {
        return left < 3 ? left : 3;
    }
    return left <= 5 ? left : left == 6 ? 3 : 4;
}

/* Columns [column, h) of rows [first, last). */
static void
gradient_by_lanes(size_t first, size_t last, size_t column, size_t h, size_t n,
                  const real *input, const real *delta, size_t stride, real *gradient,
                  bool accumulate)
{
    for (size_t j = column, columns; j < h; j += columns) {
        columns = h - j < DOT_COLUMNS ? h - j : DOT_COLUMNS;
        for (size_t i = first, rows; i < last; i += rows) {
            rows = dot_rows(last - i, columns);
            dot_tiles[columns][rows](n, input + i * stride, delta + j * stride, stride,
                                     gradient + i * h + j, h, accumulate);
        }
    }
}

/* The first `columns` of each row of a tile of products, into (or added to) c. */
static void
put_tile(size_t mr, size_t columns, const real *tile, size_t tile_stride, real *c,
         size_t c_stride, bool accumulate)
{
    for (size_t i = 0; i < mr; i++, c += c_stride, tile += tile_stride) {
        for (size_t j = 0; j < columns; j += LANES) {
            vec sum = load(tile + j);

            if (accumulate) {
                sum += load_up_to(c + j, columns - j);
            }
            store_up_to(c + j, sum, columns - j);
        }
    }
}

/* Rows [first, last) of one panel of nv vectors from the v-th on. Its last one may
 * reach beyond the h columns that there are. What it stores there falls into later
 * rows, whose own values are stored after it: rows ascend, and this panel comes before
 * the others. Blocks from which it would fall beyond the last row, and all where sums
 * are added to, go through a tile of their own. */
static void
gradient_panel(size_t first, size_t last, size_t v, size_t nv, const struct gemm *g,
               bool accumulate)
{
    size_t h = g->c_stride, column = v * LANES, end = column + nv * LANES;
    bool partial = h < end;
    const struct gemm_blocks blocks = gemm_blocks(last - first, nv);
    const real *b = g->b + v * g->b_vector;
    struct gemm product = *g;
    vec tile[MAX_TILE];

    if (accumulate && !partial) {
        product.end = GEMM_ADD;
    }
    for (size_t i = first, left = blocks.n; i < last; left--) {
        size_t mr = blocks.each + (left <= blocks.longer);
        real *c = g->c + i * h + column;
        bool apart = partial && (accumulate || (i + mr - 1) * h + end > last * h);

        product.c_stride = apart ? nv * LANES : h;
        gemm_tiles[nv - 1][mr - 1](&product, g->a + i * g->a_row, b,
                                   apart ? (real *)tile : c, NULL);
        if (apart) {
            put_tile(mr, h - column, (real *)tile, nv * LANES, c, h, accumulate);
        }
        i += mr;
    }
}

static void
weight_gradient(size_t first, size_t last, size_t h, size_t n, const void *input,
                const struct nnf_delta *delta, size_t stride, void *gradient,
                bool accumulate)
{
    const struct gemm g = {
        .k = n,
        .a = input,
        .a_row = stride,
        .a_step = 1,
        .b = delta->by_sample,
        .b_stride = LANES,
        .b_vector = stride * LANES,
        .c = gradient,
        .c_stride = h,
    };
    size_t whole = (n + LANES - 1) / LANES * LANES;

    /* Panel by panel, as what streams through the caches is the input; from the last
     * one on, which is the one that may reach too far. */
    for (size_t left = delta->vectors, nv; left > 0; left -= nv) {
        nv = gemm_panel(last - first, left);
        gradient_panel(first, last, left - nv, nv, &g, accumulate);
    }
    gradient_by_lanes(first, last, delta->vectors * LANES, h, whole, input,
                      delta->by_unit, stride, gradient, accumulate);
}

/* Delta by sample, for samples [0, n) of a tile; lanes beyond h are zero. */
static void
turn_delta(size_t h, size_t n, const struct nnf_delta *delta, size_t stride)
{
    const real *from = delta->by_unit;
    real *to = delta->by_sample;

    for (size_t v = 0; v < delta->vectors; v++, to += stride * LANES) {
        for (size_t j = 0; j < n; j += LANES) {
            vec block[LANES];

            load_transposed(h - v * LANES, from + v * LANES * stride + j, stride,
                            block);
            UNROLL
            for (size_t i = 0; i < LANES; i++) {
                store(to + (j + i) * LANES, block[i]);
            }
        }
    }
}

#endif
