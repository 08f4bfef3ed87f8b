/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One micro-kernel for every matrix product:
 *
 *     C[i][j] = end of (bias(i) + sum over p of A(i, p) · B[p][j])
 *
 * A is read one scalar at a time and broadcast, B by vectors along j, and a tile of
 * MR × NV accumulators stays in registers. The sum over p runs in order for every
 * element, so its bits depend neither on the tile it falls into nor on its neighbours.
 * Two- and one-vector tiles are slow (a broadcast feeds too few products), so columns
 * are cut into threes and fours, and rows into nearly equal blocks. Where there are but
 * few rows, panels are wide: additions to one sum have to wait for each other.
 */
#ifndef NNF_KERNELS_GEMM_H
#define NNF_KERNELS_GEMM_H

#include <stdbool.h>

#include "activations.h"
#include "vector.h"

#if defined(__AVX512F__) || defined(__aarch64__)
#define MANY_REGISTERS 1 /* 32 vectors; else 16 */
#else
#define MANY_REGISTERS 0
#endif

#define STRIP_BYTES ((size_t)8 * 1024)

/* Where each step of p reads other lines of A, so many steps at a time: then a panel of
 * B and these lines stay in a first-level cache of 32 KiB. Processors with more
 * registers have caches that deliver fast enough. */
#define IN_STEPS (!MANY_REGISTERS)
#define KC ((size_t)128)
#define MAX_NV 8
#define MAX_MR 8
#define WIDE_MR (MANY_REGISTERS ? 2 : 1)
#define MAX_TILE 24 /* vectors */

/* What becomes of the sum, element by element, while it is in registers: what takes a
 * few instructions, as the activation that most networks have. */
enum gemm_end {
    GEMM_STORE,    /* C := AB */
    GEMM_ADD,      /* C := C + AB */
    GEMM_MULTIPLY, /* C := C · AB */
    GEMM_RELU,     /* C := relu of AB */
    /* C := AB · slope of the activation where it gave `beside` */
    GEMM_RELU_SLOPE,
    GEMM_TANH_SLOPE,
    GEMM_LOGISTIC_SLOPE,
};

struct gemm {
    size_t m, k;
    const real *a;
    size_t a_row, a_step; /* A(i, p) = a[i · a_row + p · a_step] */
    const real *b;
    size_t b_stride;
    size_t
        b_vector; /* from one vector of a row to the next: LANES in a matrix of rows */
    real *c;
    size_t c_stride;
    const real *bias; /* of C's rows; null: none */
    enum gemm_end end;
    const real *beside; /* laid out as C */
    bool resumes;       /* sums go on from what is in C */
};

/* Rows of accumulators that fit the registers beside nv vectors of B. */
ALWAYS_INLINE size_t
gemm_rows(size_t nv)
{
    static const unsigned char rows[] = {
        0, MAX_MR, MANY_REGISTERS ? 8 : 6, MANY_REGISTERS ? 8 : 4, 6, 0, 0, 0, WIDE_MR};

    return rows[nv];
}

/* Vectors of the next panel of m rows when that many are left. */
ALWAYS_INLINE size_t
gemm_panel(size_t m, size_t left)
{
    if (m <= WIDE_MR && left >= MAX_NV) {
        return MAX_NV;
    }
    if (!MANY_REGISTERS) {
        return left == 1 ? 1 : left % 2 == 1 ? 3 : 2;
    }
    if (left <= 4) {
        return left;
    }
    return left % 3 == 0 || left == 5 ? 3 : 4;
}

/* The statement for each sum *s of a tile, which belongs at p of the rows. Each use is
 * written out, for in a loop common to all the compiler would keep the sums in memory;
 * and hides where the next row is, for the compiler would compute the addresses of all
 * of them ahead of the branches, and run out of registers. */
#define EACH_SUM(rows, statement)                                                      \
    {                                                                                  \
        real *row = (real *)(rows);                                                    \
                                                                                       \
        UNROLL                                                                         \
        for (int i = 0; i < mr; i++) {                                                 \
            UNROLL                                                                     \
            for (int j = 0; j < nv; j++) {                                             \
                vec *s = &sum[i][j];                                                   \
                real *p = row + j * LANES;                                             \
                statement;                                                             \
            }                                                                          \
            row += c_stride;                                                           \
            __asm__("" : "+r"(row));                                                   \
        }                                                                              \
    }

ALWAYS_INLINE void
gemm_tile(const int mr, const int nv, const struct gemm *g, const real *a,
          const real *b, real *c, const real *bias)
{
    vec sum[MAX_MR][MAX_NV];
    const size_t a_row = g->a_row, a_step = g->a_step;
    const size_t b_stride = g->b_stride, b_vector = g->b_vector;
    const size_t c_stride = g->c_stride;

    UNROLL
    for (int i = 0; i < mr; i++) {
        vec start = bias == NULL ? splat(0) : splat(bias[i]);

        UNROLL
        for (int j = 0; j < nv; j++) {
            sum[i][j] = start;
        }
    }
    if (IN_STEPS && g->resumes) {
        EACH_SUM(c, *s = load(p))
    }
    NO_UNROLL
    for (size_t p = g->k; p > 0; p--) {
        vec row[MAX_NV];

        UNROLL
        for (int j = 0; j < nv; j++) {
            row[j] = load(b + (size_t)j * b_vector);
        }
        UNROLL
        for (int i = 0; i < mr; i++) {
            vec scalar = splat(a[(size_t)i * a_row]);

            UNROLL
            for (int j = 0; j < nv; j++) {
                sum[i][j] = vec_multiply_add(scalar, row[j], sum[i][j]);
            }
        }
        a += a_step;
        b += b_stride;
    }
    if (g->end == GEMM_RELU) {
        vec slope;

        EACH_SUM(c, store(p, relu_value(*s, &slope)))
    }
    else if (g->end == GEMM_RELU_SLOPE) {
        EACH_SUM(g->beside + (c - g->c), *s *= relu_slope(load(p)))
    }
    else if (g->end == GEMM_TANH_SLOPE) {
        EACH_SUM(g->beside + (c - g->c), *s *= tanh_slope(load(p)))
    }
    else if (g->end == GEMM_LOGISTIC_SLOPE) {
        EACH_SUM(g->beside + (c - g->c), *s *= logistic_slope(load(p)))
    }
    else if (g->end == GEMM_MULTIPLY) {
        EACH_SUM(c, *s *= load(p))
    }
    else if (g->end == GEMM_ADD) {
        EACH_SUM(c, *s += load_u(p))
    }
    if (g->end != GEMM_RELU) { /* row after row: gradient.h counts on that */
        EACH_SUM(c, store_u(p, *s))
    }
}
#undef EACH_SUM

typedef void gemm_tile_function(const struct gemm *g, const real *a, const real *b,
                                real *c, const real *bias);

#define TILE(mr, nv)                                                                   \
    static __attribute__((noinline)) void gemm_##mr##x##nv(                            \
        const struct gemm *g, const real *a, const real *b, real *c, const real *bias) \
    {                                                                                  \
        gemm_tile(mr, nv, g, a, b, c, bias);                                           \
    }

#define TILES(nv)                                                                      \
    TILE(1, nv)                                                                        \
    TILE(2, nv)                                                                        \
    TILE(3, nv)                                                                        \
    TILE(4, nv)

TILES(1)
TILE(5, 1)
TILE(6, 1)
TILE(7, 1)
TILE(8, 1)
TILES(2)
TILE(5, 2)
TILE(6, 2)
TILES(3)
#if MANY_REGISTERS
TILE(7, 2)
TILE(8, 2)
TILE(5, 3)
TILE(6, 3)
TILE(7, 3)
TILE(8, 3)
TILES(4)
TILE(5, 4)
TILE(6, 4)
TILE(2, 8)
#endif
TILE(1, 8)

/* [nv - 1][mr - 1] */
static gemm_tile_function *const gemm_tiles[MAX_NV][MAX_MR] = {
#if MANY_REGISTERS
    {gemm_1x1, gemm_2x1, gemm_3x1, gemm_4x1, gemm_5x1, gemm_6x1, gemm_7x1, gemm_8x1},
    {gemm_1x2, gemm_2x2, gemm_3x2, gemm_4x2, gemm_5x2, gemm_6x2, gemm_7x2, gemm_8x2},
    {gemm_1x3, gemm_2x3, gemm_3x3, gemm_4x3, gemm_5x3, gemm_6x3, gemm_7x3, gemm_8x3},
    {gemm_1x4, gemm_2x4, gemm_3x4, gemm_4x4, gemm_5x4, gemm_6x4},
    [MAX_NV - 1] = {gemm_1x8, gemm_2x8},
#else
    {gemm_1x1, gemm_2x1, gemm_3x1, gemm_4x1, gemm_5x1, gemm_6x1, gemm_7x1, gemm_8x1},
    {gemm_1x2, gemm_2x2, gemm_3x2, gemm_4x2, gemm_5x2, gemm_6x2},
    {gemm_1x3, gemm_2x3, gemm_3x3, gemm_4x3},
    [MAX_NV - 1] = {gemm_1x8},
#endif
};

/* n blocks of `each` rows, of which the last `longer` ones have one more. */
struct gemm_blocks {
    size_t n, each, longer;
};

/* m rows in nearly equal blocks. Divisions take longer than a small tile: a single
 * block does without. */
ALWAYS_INLINE struct gemm_blocks
gemm_blocks(size_t m, size_t nv)
{
    size_t most = gemm_rows(nv), n = m <= most ? 1 : (m + most - 1) / most;

    return n == 1 ? (struct gemm_blocks){1, m, 0}
                  : (struct gemm_blocks){n, m / n, m % n};
}

/* All m rows of C for one panel of nv vectors of columns, from column j on. */
ALWAYS_INLINE void
gemm_columns(const struct gemm *g, size_t j, size_t nv)
{
    const struct gemm_blocks blocks = gemm_blocks(g->m, nv);

    for (size_t i = 0, left = blocks.n; left > 0; left--) {
        size_t mr = blocks.each + (left <= blocks.longer);

        gemm_tiles[nv - 1][mr - 1](g, g->a + i * g->a_row, g->b + j,
                                   g->c + i * g->c_stride + j,
                                   g->bias == NULL ? NULL : g->bias + i);
        i += mr;
    }
}

/* The same, some steps of p at a time: to C and back is little beside them. C is
 * aligned, and the end reads nothing of it. */
ALWAYS_INLINE void
gemm_columns_in_steps(const struct gemm *g, size_t j, size_t nv)
{
    struct gemm steps = *g;
    size_t left = g->k;

    for (size_t blocks = (left + KC - 1) / KC; blocks > 0; blocks--) {
        steps.k = left / blocks;
        steps.end = blocks == 1 ? g->end : GEMM_STORE;
        gemm_columns(&steps, j, nv);
        steps.a += steps.k * g->a_step;
        steps.b += steps.k * g->b_stride;
        steps.resumes = true;
        left -= steps.k;
    }
}

/* The same by whichever is sooner: a single block of rows reads A and B but once. */
ALWAYS_INLINE void
gemm_panel_of(const struct gemm *g, size_t j, size_t nv)
{
    if (IN_STEPS && g->a_step > 1 && g->k > KC + KC / 2 && g->m > gemm_rows(nv)) {
        gemm_columns_in_steps(g, j, nv);
    }
    else {
        gemm_columns(g, j, nv);
    }
}

/* Columns from j on, as many panels as leave C in the first-level cache for whoever
 * comes next; n is where the columns end. Returns where it ended. */
ALWAYS_INLINE size_t
gemm_strip(const struct gemm *g, size_t j, size_t n)
{
    size_t bytes = 0;

    do {
        size_t nv = gemm_panel(g->m, (n - j) / LANES);

        gemm_panel_of(g, j, nv);
        j += nv * LANES;
        bytes += nv * VECTOR_BYTES * g->m;
    } while (j < n && bytes < STRIP_BYTES);
    return j;
}

#endif
