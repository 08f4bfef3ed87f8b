/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The activations and their derivatives in long double: definitions and constants are
 * PyTorch's. A derivative is a function of the output h where that determines it, and
 * of the input z for gelu, silu and mish.
 */
#ifndef EXACT_H
#define EXACT_H

#include <math.h>

static const long double selu_scale = 1.0507009873554804934193349852946L;
static const long double selu_alpha = 1.6732632423543772848170429916717L;

static long double
identity(long double z)
{
    return z;
}

static long double
logistic(long double z)
{
    return z < 0 ? expl(z) / (1 + expl(z)) : 1 / (1 + expl(-z));
}

static long double
relu(long double z)
{
    return z > 0 ? z : 0;
}

static long double
leaky_relu(long double z)
{
    return z > 0 ? z : z * 0.01L;
}

static long double
elu(long double z)
{
    return z > 0 ? z : expm1l(z);
}

static long double
selu(long double z)
{
    return selu_scale * (z > 0 ? z : selu_alpha * expm1l(z));
}

static long double
gelu(long double z)
{
    return z * erfcl(-z * sqrtl(0.5L)) / 2;
}

static long double
silu(long double z)
{
    return z * logistic(z);
}

static long double
softplus(long double z)
{
    return (z > 0 ? z : 0) + log1pl(expl(-fabsl(z)));
}

/* tanh(softplus(z)) = n / (n + 2) with n = e (e + 2), e = exp(z). */
static long double
mish_ratio(long double z)
{
    long double e = expl(fminl(z, 100)), n = e * (e + 2);

    return n / (n + 2);
}

static long double
mish(long double z)
{
    return z * mish_ratio(z);
}

static long double
softsign(long double z)
{
    return z / (1 + fabsl(z));
}

static long double
hard_sigmoid(long double z)
{
    return fminl(1, fmaxl(0, (z + 3) / 6));
}

static long double
minus_log(long double p)
{
    return -logl(p);
}

/* Their derivatives: of gelu, silu and mish at z, of the others where the output is h.
 */

static long double
identity_slope(long double h)
{
    (void)h;
    return 1;
}

static long double
logistic_slope(long double h)
{
    return h * (1 - h);
}

static long double
tanh_slope(long double h)
{
    return 1 - h * h;
}

static long double
relu_slope(long double h)
{
    return h > 0;
}

static long double
leaky_relu_slope(long double h)
{
    return h > 0 ? 1 : 0.01L;
}

static long double
elu_slope(long double h)
{
    return h > 0 ? 1 : h + 1;
}

static long double
selu_slope(long double h)
{
    return h > 0 ? selu_scale : h + selu_scale * selu_alpha;
}

static long double
gelu_slope(long double z)
{
    static const long double root = 2.50662827463100050241576528481104525L;

    return erfcl(-z * sqrtl(0.5L)) / 2 + z * expl(-z * z / 2) / root;
}

static long double
silu_slope(long double z)
{
    return logistic(z) * (1 + z * logistic(-z));
}

static long double
mish_slope(long double z)
{
    long double t = mish_ratio(z);

    return t + z * (1 - t) * (1 + t) * logistic(z);
}

static long double
softplus_slope(long double h)
{
    return -expm1l(-h);
}

static long double
softsign_slope(long double h)
{
    return (1 - fabsl(h)) * (1 - fabsl(h));
}

static long double
hard_sigmoid_slope(long double h)
{
    return h > 0 && h < 1 ? 1 / 6.0L : 0;
}

#endif
