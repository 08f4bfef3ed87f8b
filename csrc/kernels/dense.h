/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The passes of a dense layer. Samples lie on the lanes; W (d × h) and its gradient are
 * in θ's order and are used where they are.
 *
 *     forward   output (h × n)   = activation(Wᵀ input + b)
 *     backward  delta_in (d × n) = (W delta_out) · slope of the layer below
 */
#ifndef NNF_KERNELS_DENSE_H
#define NNF_KERNELS_DENSE_H

#include "../kernels.h"
#include "blocks.h"
#include "gemm.h"

static void
dense_forward(size_t d, size_t h, size_t n, const void *weights, const void *biases,
              const void *input, void *output, size_t stride,
              const struct nnf_activation_kernels *activation, void *slope)
{
    bool at_once = activation->forward == relu_forward && slope == NULL;
    const struct gemm g = {
        .m = h,
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

    for (size_t j = 0, next; j < n; j = next) {
        next = gemm_strip(&g, j, n);
        if (at_once) {
            continue;
        }
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
    bool at_once = below->backward == relu_backward && input != NULL;
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
        .end = input == NULL ? GEMM_MULTIPLY : at_once ? GEMM_RELU_SLOPE : GEMM_STORE,
        .beside = input,
    };

    for (size_t j = 0, next; j < n; j = next) {
        next = gemm_strip(&g, j, n);
        if (input != NULL && !at_once) {
            below->backward(d, next - j, (const real *)input + j, (real *)delta_in + j,
                            stride);
        }
    }
}

#endif
