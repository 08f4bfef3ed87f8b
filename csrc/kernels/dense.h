/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The passes of a dense layer. Samples lie on the lanes; W (d × h) and its gradient are
 * in θ's order and are used where they are; only of a W that is too large for the
 * caches the forward pass makes itself copies, some units at a time.
 *
 *     forward   output (h × n)   = activation(Wᵀ input + b)
 *     backward  delta_in (d × n) = (W delta_out) · slope of the layer below
 */
#ifndef NNF_KERNELS_DENSE_H
#define NNF_KERNELS_DENSE_H

#include "../kernels.h"
#include "blocks.h"
#include "gemm.h"

/* Units side by side in a copy: whole vectors, which are cut into equal tiles. */
#define PACK_UNITS ((size_t)(MANY_REGISTERS ? LANES : 3 * LANES))

/* The m columns of W (k × m and more) as blocks of them, each [k][PACK_UNITS]. What is
 * beyond m is never read. */
static void
pack_units(const struct gemm *g, real *packed)
{
    size_t whole = g->m / LANES * LANES;

    for (size_t p = 0; p < g->k; p++) {
        const real *w = g->a + p * g->a_step;

        for (size_t i = 0; i < g->m; i += LANES) {
            real *to = packed + i / PACK_UNITS * PACK_UNITS * g->k + p * PACK_UNITS +
                       i % PACK_UNITS;

            store(to, i < whole ? load_u(w + i) : load_up_to(w + i, g->m - i));
        }
    }
}

/* C, with n columns. Where W is, each row of C reads a column, far apart at every step;
 * and would read it anew for each panel. */
static void
gemm_packed(const struct gemm *g, size_t n, real *packed)
{
    struct gemm block = *g;

    pack_units(g, packed);
    block.a_step = PACK_UNITS;
    for (size_t j = 0, nv; j < n; j += nv * LANES) {
        nv = gemm_panel(g->m, (n - j) / LANES);
        for (size_t first = 0; first < g->m; first += PACK_UNITS) {
            block.m = g->m - first < PACK_UNITS ? g->m - first : PACK_UNITS;
            block.a = packed + first * g->k;
            block.bias = g->bias + first;
            block.c = g->c + first * g->c_stride;
            gemm_panel_of(&block, j, nv);
        }
    }
}

static void
activate(const struct nnf_activation_kernels *activation, size_t d, size_t n, real *z,
         real *slope, size_t stride)
{
    if (slope != NULL) {
        activation->forward_slope(d, n, z, slope, stride);
    }
    else {
        activation->forward(d, n, z, stride);
    }
}

static void
dense_forward(size_t d, size_t h, size_t units, size_t n, const void *weights,
              const void *biases, const void *input, void *output, size_t stride,
              const struct nnf_activation_kernels *activation, void *slope,
              void *packed)
{
    bool at_once = activation->forward == relu_forward && slope == NULL;
    const struct gemm g = {
        .m = units,
        .k = d,
        .a = weights,
        .a_row = 1,
        .a_step = h,
        .b = input,
        .b_stride = stride,
        .b_vector = LANES,
        .c = output,
        .c_stride = stride,
        .bias = biases,
        .end = at_once ? GEMM_RELU : GEMM_STORE,
    };

    if (packed != NULL) {
        gemm_packed(&g, n, packed);
        if (!at_once) {
            activate(activation, units, n, output, slope, stride);
        }
        return;
    }
    for (size_t j = 0, next; j < n; j = next) {
        next = gemm_strip(&g, j, n);
        if (!at_once) {
            activate(activation, units, next - j, (real *)output + j,
                     slope == NULL ? NULL : (real *)slope + j, stride);
        }
    }
}

/* How a product ends that is multiplied with the activation's slope, if it can. */
ALWAYS_INLINE enum gemm_end
end_of(const struct nnf_activation_kernels *below)
{
    return below->backward == relu_backward       ? GEMM_RELU_SLOPE
           : below->backward == tanh_backward     ? GEMM_TANH_SLOPE
           : below->backward == logistic_backward ? GEMM_LOGISTIC_SLOPE
                                                  : GEMM_STORE;
}

static void
dense_backward(size_t d, size_t h, size_t n, const void *weights, const void *delta_out,
               const void *input, void *delta_in, size_t stride,
               const struct nnf_activation_kernels *below)
{
    enum gemm_end end = input == NULL ? GEMM_MULTIPLY : end_of(below);
    const struct gemm g = {
        .m = d,
        .k = h,
        .a = weights,
        .a_row = h,
        .a_step = 1,
        .b = delta_out,
        .b_stride = stride,
        .b_vector = LANES,
        .c = delta_in,
        .c_stride = stride,
        .end = end,
        .beside = input,
    };

    for (size_t j = 0, next; j < n; j = next) {
        next = gemm_strip(&g, j, n);
        if (end == GEMM_STORE) {
            below->backward(d, next - j, (const real *)input + j, (real *)delta_in + j,
                            stride);
        }
    }
}

#endif
