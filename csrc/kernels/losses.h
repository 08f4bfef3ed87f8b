/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The losses: value and delta of one output side by side, as functions of the
 * output p and the target y. A sample's outputs are added up in double, which is
 * rounded to a real, and samples in double.
 */
#ifndef NNF_KERNELS_LOSSES_H
#define NNF_KERNELS_LOSSES_H

#include "../kernels.h"
#include "math.h"
#include "vector.h"
#include "wide.h"

#ifdef NNF_DOUBLE
#define EPSILON ((real)2.220446049250313080847263336181640625e-16)
#define POISSON_FLOOR ((real)1e-250)
#else
#define EPSILON ((real)1.1920928955078125e-7)
#define POISSON_FLOOR ((real)1e-25)
#endif

/* As scikit-learn, which reports the log of a probability clipped at epsilon. */
ALWAYS_INLINE vec
clipped_log(vec p)
{
    vec low = vec_max(splat(EPSILON), p);

    return vec_log(vec_min(splat((real)1 - EPSILON), low));
}

typedef vec loss_function(vec p, vec y, vec *delta, real parameter);

ALWAYS_INLINE vec
log_logistic(vec p, vec y, vec *delta, real parameter)
{
    vec other = splat(1) - y; /* y is 0 or 1: the probability of y is |p - other| */

    (void)parameter;
    *delta = p - y;
    return -clipped_log(vec_abs(p - other));
}

ALWAYS_INLINE vec
squared(vec p, vec y, vec *delta, real parameter)
{
    (void)parameter;
    *delta = p - y;
    return splat((real)0.5) * *delta * *delta;
}

/* The delta of a residual of zero is zero, that of NaN is NaN. */
ALWAYS_INLINE vec
absolute(vec p, vec y, vec *delta, real parameter)
{
    vec r = p - y;

    (void)parameter;
    *delta = vec_select(vec_abs(r) > splat(0), copy_sign(splat(1), r), r);
    return vec_abs(r);
}

/* Huber 1964, as PyTorch and scikit-learn scale it. */
ALWAYS_INLINE vec
huber(vec p, vec y, vec *delta, real parameter)
{
    vec r = p - y, a = vec_abs(r), bend = splat(parameter);
    ivec tail = a > bend;

    *delta = vec_select(tail, copy_sign(bend, r), r);
    return vec_select(tail, bend * (a - splat((real)0.5) * bend),
                      splat((real)0.5) * r * r);
}

/* With e = exp(-|r|) - 1: log cosh r = log(1 + e² / (2 (1 + e))), which keeps small
 * residuals, and |r| - log 2 + log(1 + (1 + e)²), which does not overflow. */
ALWAYS_INLINE vec
log_cosh(vec p, vec y, vec *delta, real parameter)
{
    vec r = p - y, a = vec_abs(r);
    vec e = vec_expm1(-a), rest = splat(1) + e;
    ivec near = a < splat(1);
    vec inner = vec_select(near, e * e / (rest + rest), rest * rest);
    vec outer = a - splat((real)0.693147180559945309417232121458);

    (void)parameter;
    *delta = vec_tanh(r);
    return vec_select(near, splat(0), outer) + vec_log1p(inner);
}

/* Half the Poisson deviance, y log(y / p) - y + p; where y = 0, p. As in scikit-learn
 * it is NaN where both are zero and where p is infinite but y is not zero: an lbfgs
 * line search goes elsewhere from NaN than from infinity. */
ALWAYS_INLINE vec
poisson_value(vec p, vec y)
{
    vec ratio = y / p;
    vec infinity = splat((real)__builtin_inf());
    vec log_ratio = vec_select(ratio < infinity, vec_log(ratio), ratio);

    log_ratio = vec_select(ratio == splat(0), -infinity, log_ratio);
    log_ratio = vec_select(ratio < splat(0), infinity - infinity, log_ratio);
    return vec_select(y == splat(0), ratio, y * log_ratio) - y + p;
}

ALWAYS_INLINE vec
poisson_exp(vec p, vec y, vec *delta, real parameter)
{
    (void)parameter;
    *delta = p - y;
    return poisson_value(p, y);
}

/* An output that has underflowed counts as POISSON_FLOOR: y / p stays finite, and the
 * slope of such an output, zero, may be multiplied with it. */
ALWAYS_INLINE vec
poisson(vec p, vec y, vec *delta, real parameter)
{
    vec bounded = vec_max(splat(POISSON_FLOOR), p);

    (void)parameter;
    *delta = splat(1) - y / bounded;
    return poisson_value(bounded, y);
}

/* The same over a block of a tile. */

/* Weight times value, where a weight of zero silences any loss and delta: they may
 * belong to the padding, or to a row that is not to count, and be infinite. */
ALWAYS_INLINE vec
weigh(vec weight, vec value)
{
    return vec_only(weight != splat(0), weight * value);
}

ALWAYS_INLINE vec
output_loss(loss_function f, const real *p, const real *y, vec weight, real *delta,
            real parameter)
{
    vec d, value = f(load(p), load(y), &d, parameter);

    store(delta, weigh(weight, d));
    return weigh(weight, value);
}

ALWAYS_INLINE void
block_loss(loss_function f, size_t h, size_t n, const real *p, const real *y,
           const real *weights, real *delta, real *values, size_t stride,
           real parameter)
{
    for (size_t j = 0; j < n; j += LANES) {
        vec weight = load(weights + j);
        vec value = output_loss(f, p + j, y + j, weight, delta + j, parameter);

        if (h > 1) {
            struct vec_double total = widen(value);

            for (size_t i = j + stride; i < j + h * stride; i += stride) {
                add_wide(&total,
                         output_loss(f, p + i, y + i, weight, delta + i, parameter));
            }
            value = narrow(total);
        }
        store(values + j, value);
    }
}

#define LOSS(f)                                                                        \
    static void f##_loss(size_t h, size_t n, const void *p, const void *y,             \
                         const void *weights, void *delta, void *values,               \
                         size_t stride, double parameter)                              \
    {                                                                                  \
        block_loss(f, h, n, p, y, weights, delta, values, stride, (real)parameter);    \
    }

LOSS(log_logistic)
LOSS(squared)
LOSS(absolute)
LOSS(huber)
LOSS(log_cosh)
LOSS(poisson_exp)
LOSS(poisson)

/* Of a whole sample: its targets are one-hot, so the sum of y p is the probability of
 * its class, and the only one whose logarithm counts. */
static void
log_softmax_loss(size_t h, size_t n, const void *outputs, const void *targets,
                 const void *weights, void *deltas, void *values, size_t stride,
                 double parameter)
{
    const real *p = outputs, *y = targets;
    real *delta = deltas;

    (void)parameter;
    for (size_t j = 0; j < n; j += LANES) {
        vec weight = load((const real *)weights + j);
        vec probability = {0};

        for (size_t i = j; i < j + h * stride; i += stride) {
            probability += load(y + i) * load(p + i);
            store(delta + i, weigh(weight, load(p + i) - load(y + i)));
        }
        store((real *)values + j, weigh(weight, -clipped_log(probability)));
    }
}

/* Sixteen running sums in a fixed order: short dependency chains, same bits always. n
 * is a multiple of the lanes. */
static double
sum_values(size_t n, const void *values)
{
    enum { VECTORS = 16 / LANES };
    struct vec_double part[VECTORS] = {{{{0}}}};
    const real *from = values;
    size_t j = 0;

    for (; j + 16 <= n; j += 16) {
        UNROLL
        for (size_t i = 0; i < VECTORS; i++) {
            add_wide(&part[i], load(from + j + i * LANES));
        }
    }
    for (size_t i = 0; j < n; i++, j += LANES) {
        add_wide(&part[i], load(from + j));
    }
    UNROLL
    for (size_t i = 1; i < VECTORS; i++) {
        UNROLL
        for (int k = 0; k < LANES / DOUBLES; k++) {
            part[0].part[k] += part[i].part[k];
        }
    }
    return sum_of(part[0]);
}

#endif
