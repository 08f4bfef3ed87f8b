/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The activations over blocks of a tile: d units, n samples, in place.
 */
#ifndef NNF_KERNELS_BLOCKS_H
#define NNF_KERNELS_BLOCKS_H

#include "../kernels.h"
#include "activations.h"

typedef vec value_function(vec z, vec *slope);
typedef vec slope_function(vec h);

ALWAYS_INLINE void
block_forward(value_function value, size_t d, size_t n, real *z, real *slope,
              size_t stride)
{
    for (size_t i = 0; i < d; i++) {
        NO_UNROLL
        for (size_t j = i * stride; j < i * stride + n; j += LANES) {
            vec s;

            store(z + j, value(load(z + j), &s));
            if (slope != NULL) {
                store(slope + j, s);
            }
        }
    }
}

ALWAYS_INLINE void
block_backward(slope_function slope, size_t d, size_t n, const real *h, real *delta,
               size_t stride)
{
    for (size_t i = 0; i < d; i++) {
        NO_UNROLL
        for (size_t j = i * stride; j < i * stride + n; j += LANES) {
            store(delta + j, load(delta + j) * slope(load(h + j)));
        }
    }
}

#define FORWARD(f)                                                                     \
    static void f##_forward(size_t d, size_t n, void *z, size_t stride)                \
    {                                                                                  \
        block_forward(f##_value, d, n, z, NULL, stride);                               \
    }                                                                                  \
    static void f##_forward_slope(size_t d, size_t n, void *z, void *slope,            \
                                  size_t stride)                                       \
    {                                                                                  \
        block_forward(f##_value, d, n, z, slope, stride);                              \
    }

#define FORWARD_AND_BACKWARD(f)                                                        \
    FORWARD(f)                                                                         \
    static void f##_backward(size_t d, size_t n, const void *h, void *delta,           \
                             size_t stride)                                            \
    {                                                                                  \
        block_backward(f##_slope, d, n, h, delta, stride);                             \
    }

FORWARD_AND_BACKWARD(identity)
FORWARD_AND_BACKWARD(logistic)
FORWARD_AND_BACKWARD(tanh)
FORWARD_AND_BACKWARD(relu)
FORWARD_AND_BACKWARD(leaky_relu)
FORWARD_AND_BACKWARD(elu)
FORWARD_AND_BACKWARD(selu)
FORWARD(gelu)
FORWARD(silu)
FORWARD(mish)
FORWARD_AND_BACKWARD(softplus)
FORWARD_AND_BACKWARD(softsign)
FORWARD_AND_BACKWARD(hard_sigmoid)
FORWARD_AND_BACKWARD(exp)

/* The one activation of a whole sample: shifted by its largest logit. What the rounding
 * of the sum leaves out is kept: there may be many classes. */
static void
softmax_forward(size_t d, size_t n, void *z, size_t stride)
{
    real *p = z;

    for (size_t j = 0; j < n; j += LANES) {
        vec largest = load(p + j), sum = {0}, left = {0};

        for (size_t i = 1; i < d; i++) {
            largest = vec_max(largest, load(p + i * stride + j));
        }
        for (size_t i = 0; i < d; i++) {
            vec e = vec_exp_difference(load(p + i * stride + j), largest);
            vec before = sum;

            store(p + i * stride + j, e);
            left += e;
            sum += left;
            left -= sum - before;
        }
        for (size_t i = 0; i < d; i++) {
            store(p + i * stride + j, load(p + i * stride + j) / sum);
        }
    }
}

/* delta_i := p_i (delta_i - sum over j of p_j delta_j). */
static void
softmax_backward(size_t h, size_t n, const void *p, void *delta, size_t stride)
{
    const real *q = p;
    real *g = delta;

    for (size_t j = 0; j < n; j += LANES) {
        vec mean = {0};

        for (size_t i = 0; i < h; i++) {
            mean += load(q + i * stride + j) * load(g + i * stride + j);
        }
        for (size_t i = 0; i < h; i++) {
            vec centred = load(g + i * stride + j) - mean;

            store(g + i * stride + j, load(q + i * stride + j) * centred);
        }
    }
}

static void
multiply(size_t h, size_t n, const void *slope, void *delta, size_t stride)
{
    const real *s = slope;
    real *g = delta;

    for (size_t i = 0; i < h; i++) {
        for (size_t j = i * stride; j < i * stride + n; j += LANES) {
            store(g + j, load(g + j) * load(s + j));
        }
    }
}

#endif
