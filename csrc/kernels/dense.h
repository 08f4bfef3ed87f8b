/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The passes of a dense layer. Samples lie on the lanes; W (d × h) and its gradient are
 * in θ's order and are used where they are.
 *
 *     forward   output (h × n)   = activation(Wᵀ input + b)
 *     backward  delta_in (d × n) = (W delta_out) · slope of the layer below
 *     gradient  of W (d × h)     = input delta_outᵀ, of b (h) = delta_out 1
 *
 * Forward and backward are the product of gemm.h. The gradients sum over samples, so
 * along the lanes too: lane by lane first, then the lanes of many sums at once.
 */
#ifndef NNF_KERNELS_DENSE_H
#define NNF_KERNELS_DENSE_H

#include "../kernels.h"
#include "gemm.h"
#include "shuffles.h"

static void
dense_forward(size_t d, size_t h, size_t n, const void *weights, const void *biases,
              const void *input, void *output, size_t stride,
              const struct nnf_activation_kernels *activation, void *slope)
{
    const struct gemm g = {
        .m = h,
        .k = d,
        .a = weights,
        .a_row = 1,
        .a_step = h,
        .b = input,
        .b_stride = stride,
        .c = output,
        .c_stride = stride,
        .bias = biases,
        .start = GEMM_BIAS,
    };

    for (size_t j = 0, next; j < n; j = next) {
        next = gemm_strip(&g, j, n);
        if (slope != NULL) {
            activation->forward_slope(h, next - j, (real *)output + j,
                                      (real *)slope + j, stride);
        }
        else {
            activation->forward(h, next - j, (real *)output + j, stride);
        }
    }
}

static void
dense_backward(size_t d, size_t h, size_t n, const void *weights, const void *delta_out,
               const void *input, void *delta_in, size_t stride,
               const struct nnf_activation_kernels *below)
{
    const struct gemm g = {
        .m = d,
        .k = h,
        .a = weights,
        .a_row = h,
        .a_step = 1,
        .b = delta_out,
        .b_stride = stride,
        .c = delta_in,
        .c_stride = stride,
        .start = input == NULL ? GEMM_MULTIPLY : GEMM_ZERO,
    };

    for (size_t j = 0, next; j < n; j = next) {
        next = gemm_strip(&g, j, n);
        if (input != NULL) {
            below->backward(d, next - j, (const real *)input + j, (real *)delta_in + j,
                            stride);
        }
    }
}

/* Sums along the lanes in tiles of DOT_ROWS × DOT_COLUMNS products. */
#define DOT_ROWS (MANY_REGISTERS ? 4 : 3)
#define DOT_COLUMNS (MANY_REGISTERS ? 4 : 3)
#define DOT_BLOCKS ((DOT_ROWS * DOT_COLUMNS + LANES - 1) / LANES)

ALWAYS_INLINE void
dot_tile(const int rows, const int columns, size_t n, const real *x, const real *y,
         size_t stride, real *c, size_t c_stride, bool accumulate)
{
    vec sum[DOT_BLOCKS * LANES] = {{0}};
    real total[DOT_BLOCKS * LANES];

    NO_UNROLL
    for (size_t j = 0; j < n; j += LANES) {
        UNROLL
        for (int r = 0; r < rows; r++) {
            vec left = load(x + (size_t)r * stride + j);

            UNROLL
            for (int s = 0; s < columns; s++) {
                sum[r * columns + s] += left * load(y + (size_t)s * stride + j);
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

DOT(1, 1)
DOT(1, 2)
DOT(1, 3)
DOT(2, 1)
DOT(2, 2)
DOT(2, 3)
DOT(3, 1)
DOT(3, 2)
DOT(3, 3)
#if MANY_REGISTERS
DOT(1, 4)
DOT(2, 4)
DOT(3, 4)
DOT(4, 1)
DOT(4, 2)
DOT(4, 3)
DOT(4, 4)
#endif

/* [rows - 1][columns - 1] */
static dot_function *const dot_tiles[DOT_ROWS][DOT_COLUMNS] = {
#if MANY_REGISTERS
    {dot_1x1, dot_1x2, dot_1x3, dot_1x4},
    {dot_2x1, dot_2x2, dot_2x3, dot_2x4},
    {dot_3x1, dot_3x2, dot_3x3, dot_3x4},
    {dot_4x1, dot_4x2, dot_4x3, dot_4x4},
#else
    {dot_1x1, dot_1x2, dot_1x3},
    {dot_2x1, dot_2x2, dot_2x3},
    {dot_3x1, dot_3x2, dot_3x3},
#endif
};

static void
weight_gradient(size_t first, size_t last, size_t h, size_t n, const void *input,
                const void *delta, size_t stride, void *gradient, bool accumulate)
{
    for (size_t i = first; i < last; i += DOT_ROWS) {
        size_t rows = last - i < DOT_ROWS ? last - i : DOT_ROWS;

        for (size_t j = 0; j < h; j += DOT_COLUMNS) {
            size_t columns = h - j < DOT_COLUMNS ? h - j : DOT_COLUMNS;

            dot_tiles[rows - 1][columns - 1](
                n, (const real *)input + i * stride, (const real *)delta + j * stride,
                stride, (real *)gradient + i * h + j, h, accumulate);
        }
    }
}

static void
bias_gradient(size_t first, size_t last, size_t n, const void *delta, size_t stride,
              void *gradient, bool accumulate)
{
    real *b = gradient;

    for (size_t i = first; i < last; i += LANES) {
        const real *row = (const real *)delta + i * stride;
        size_t rows = last - i < LANES ? last - i : LANES;
        vec sum[LANES] = {{0}};
        real total[LANES];

        for (size_t r = 0; r < rows; r++, row += stride) {
            vec a = {0}, c = {0};
            size_t j = 0;

            for (; j + 2 * LANES <= n; j += 2 * LANES) {
                a += load(row + j);
                c += load(row + j + LANES);
            }
            if (j < n) {
                a += load(row + j);
            }
            sum[r] = a + c;
        }
        store_u(total, sum_lanes(sum));
        for (size_t r = 0; r < rows; r++) {
            b[i + r] = accumulate ? b[i + r] + total[r] : total[r];
        }
    }
}

#endif
