/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The activations, each one function of a vector: the value at z, and through the
 * second argument its slope. Definitions and constants are PyTorch's.
 *
 * Where the output h determines the slope, a second function gives it from h, so
 * that the backward pass needs nothing but the outputs. gelu, silu and mish are not
 * monotone: their slope has to be kept from the forward pass.
 */
#ifndef NNF_KERNELS_ACTIVATIONS_H
#define NNF_KERNELS_ACTIVATIONS_H

#include "math.h"
#include "vector.h"

#define LEAKY_SLOPE ((real)0.01)
#define ELU_ALPHA ((real)1.0)
#define SELU_SCALE ((real)1.0507009873554804934193349852946)
#define SELU_SCALE_ALPHA ((real)1.7580993408473768599402175208123)

ALWAYS_INLINE vec
one(void)
{
    return splat((real)1.0);
}

ALWAYS_INLINE vec
identity_slope(vec h)
{
    (void)h;
    return one();
}

ALWAYS_INLINE vec
identity_value(vec z, vec *slope)
{
    *slope = one();
    return z;
}

ALWAYS_INLINE vec
logistic_slope(vec h)
{
    return h * (one() - h);
}

ALWAYS_INLINE vec
logistic_value(vec z, vec *slope)
{
    vec h = vec_logistic(z);

    *slope = logistic_slope(h);
    return h;
}

ALWAYS_INLINE vec
tanh_slope(vec h)
{
    return one() - h * h;
}

ALWAYS_INLINE vec
tanh_value(vec z, vec *slope)
{
    vec h = vec_tanh(z);

    *slope = tanh_slope(h);
    return h;
}

/* As scikit-learn: the slope at exactly zero is zero, that of NaN is one. */
ALWAYS_INLINE vec
relu_slope(vec h)
{
    return vec_select(h == splat(0), splat(0), one());
}

ALWAYS_INLINE vec
relu_value(vec z, vec *slope)
{
    vec h = vec_max(splat(0), z);

    *slope = relu_slope(h);
    return h;
}

ALWAYS_INLINE vec
leaky_relu_slope(vec h)
{
    return vec_select(h > splat(0), one(), splat(LEAKY_SLOPE));
}

ALWAYS_INLINE vec
leaky_relu_value(vec z, vec *slope)
{
    *slope = leaky_relu_slope(z);
    return z * *slope;
}

ALWAYS_INLINE vec
elu_slope(vec h)
{
    return vec_select(h > splat(0), one(), h + splat(ELU_ALPHA));
}

ALWAYS_INLINE vec
elu_value(vec z, vec *slope)
{
    vec below = splat(ELU_ALPHA) * vec_expm1(vec_min(splat(0), z));
    vec h = vec_select(z > splat(0), z, below);

    *slope = elu_slope(h);
    return h;
}

ALWAYS_INLINE vec
selu_slope(vec h)
{
    return vec_select(h > splat(0), splat(SELU_SCALE), h + splat(SELU_SCALE_ALPHA));
}

ALWAYS_INLINE vec
selu_value(vec z, vec *slope)
{
    vec below = splat(SELU_SCALE_ALPHA) * vec_expm1(vec_min(splat(0), z));
    vec h = vec_select(z > splat(0), splat(SELU_SCALE) * z, below);

    *slope = selu_slope(h);
    return h;
}

/* z Φ(z); slope Φ(z) + z φ(z). Hendrycks and Gimpel 2016, the exact form. */
ALWAYS_INLINE vec
gelu_value(vec z, vec *slope)
{
    struct normal n = normal_parts(z);
    vec left = n.tail - n.x_density; /* the slope at -|z| */

    *slope = vec_select(z < splat(0), left, one() - left);
    return vec_max(splat(0), z) - n.x_tail;
}

/* z s with s = logistic(z); slope s + z s (1 - s). */
ALWAYS_INLINE vec
silu_value(vec z, vec *slope)
{
    vec size = vec_min(splat(-POWER_LIMIT), vec_abs(z));
    struct power e = low_power(-size);
    vec p = power_value(e);
    vec s = p / (p + one());                 /* at -|z|, where it is p (1 - s) */
    vec left = s - size * (s * (one() - s)); /* the slope there */

    *slope = vec_select(z < splat(0), left, one() - left);
    return vec_max(splat(0), z) - power_product(size, e, s);
}

/* z t with t = tanh(log(1 + p)) = n / (n + 2), n = p (p + 2), p = e^z, which is
 * p (1 - p (p + 1) / (n + 2)) and 1 - 2 / (n + 2). From z = 40 on it is 1 to rounding.
 * The derivative of t is 4 p (p + 1) / (n + 2)^2. Misra 2019. */
ALWAYS_INLINE vec
mish_value(vec z, vec *slope)
{
    vec bounded = vec_min(splat(40), vec_max(splat(POWER_LIMIT), z));
    struct power e = low_power(bounded);
    vec p = power_value(e);
    ivec left = z < splat(0);
    vec product = p * (p + one());
    vec y = vec_select(left, product, splat(2)) / (p * (p + splat(2)) + splat(2));
    vec t = vec_select(left, p, one()) * (one() - y);

    *slope = t + bounded * (vec_select(left, 2 * (one() - t), product * y) * y);
    return vec_select(left, power_product(bounded, e, y), z * t);
}

/* The slope, logistic(z), is 1 - exp(-softplus(z)). */
ALWAYS_INLINE vec
softplus_slope(vec h)
{
    return -vec_expm1(-h);
}

ALWAYS_INLINE vec
softplus_value(vec z, vec *slope)
{
    vec h = vec_softplus(z);

    *slope = softplus_slope(h);
    return h;
}

/* z / (1 + |z|); slope 1 / (1 + |z|)² = (1 - |h|)². */
ALWAYS_INLINE vec
softsign_slope(vec h)
{
    vec rest = one() - vec_abs(h);

    return rest * rest;
}

ALWAYS_INLINE vec
softsign_value(vec z, vec *slope)
{
    vec h = z / (one() + vec_abs(z));

    *slope = softsign_slope(h);
    return h;
}

ALWAYS_INLINE vec
hard_sigmoid_slope(vec h)
{
    ivec inside = (h > splat(0)) & (h < one());

    return vec_select(inside, splat((real)(1.0 / 6.0)), splat(0));
}

ALWAYS_INLINE vec
hard_sigmoid_value(vec z, vec *slope)
{
    vec ramp = (z + splat(3)) * splat((real)(1.0 / 6.0));
    vec h = vec_min(one(), vec_max(splat(0), ramp));

    *slope = hard_sigmoid_slope(h);
    return h;
}

ALWAYS_INLINE vec
exp_slope(vec h)
{
    return h;
}

ALWAYS_INLINE vec
exp_value(vec z, vec *slope)
{
    vec h = vec_exp(z);

    *slope = h;
    return h;
}

#endif
