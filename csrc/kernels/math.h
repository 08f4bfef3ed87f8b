/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Elementary functions of a vec, lane by lane; NaN in, NaN out.
 *
 * All exponentials share one reduction, x = n ln 2 + r with |r| <= ln 2 / 2, and
 * one odd rational function, tanh(r / 2) = w / E. With s = 2^n that is
 *
 *     e^x = s (E + w) / (E - w),    e^x - 1 = ((s - 1) E + (s + 1) w) / (E - w);
 *
 * tanh, the logistic function and the normal distribution are quotients of the
 * same parts: one division each, no cancellation near 0. Logarithms are 2 artanh.
 * Largest errors seen, in ulp, either type, multiply-add fused or not: exp 1.9,
 * logistic 2.6, log, log1p and tanh 3.0, softplus 3.7, expm1 3.9, normal 7.7.
 */
#ifndef NNF_KERNELS_MATH_H
#define NNF_KERNELS_MATH_H

#include "vector.h"

/* All coefficients are minimax fits of our own in relative error, lowest power
 * first. Both parts of a quotient are scaled alike, to lie where rounding is finest
 * (E just below a power of two). LN2_HIGH ends in zeros: n LN2_HIGH is exact. */
#ifdef NNF_DOUBLE
typedef uint64_t unsigned_real;
#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023
#define LN2_HIGH 0x1.62e42fefa3800p-1
#define LN2_LOW 0x1.ef35793c76730p-45
#define EXPONENT_LIMIT 709 /* 2^n is 0 at its negative, finite here */
#define LOG_LARGEST 0x1.62e42fefa39efp+9
#define LOG_SMALLEST -0x1.6232bdd7abcd2p+9
#define NORMAL_LIMIT 37.66

static const real tanh_odd[] = {
    0.984375,
    0.027340861092379473,
    6.5056053050548311e-05,
};
static const real tanh_even[] = {
    1.96875,
    0.21874422218475595,
    0.0019525472883983172,
};
static const real artanh_tail[] = {
    0.66666666666666308,  0.40000000000156249, 0.28571428547952277, 0.22222223964680113,
    0.18181744075680209,  0.15386557168534215, 0.1330100476805611,  0.12105873517970195,
    0.083408998663454414, 0.17017315819831244,
};
static const real log_tail[] = {
    0.66666666666667344, 0.39999999999414676, 0.28571428742388013, 0.22222198573157718,
    0.18183564327007025, 0.15314050539471848, 0.14795949746504109,
};
static const real normal_numerator[] = {
    0.7265625,
    1.2030888321849256,
    0.98748571142873343,
    0.51914915516119764,
    0.19179048149070235,
    0.051788013578251364,
    0.010337165429587023,
    0.0015079076288801805,
    0.00015442186984234658,
    1.0094894948715086e-05,
    3.2377566351143859e-07,
};
static const real normal_denominator[] = {
    1.453125,
    3.5656036667865147,
    4.0933490385285127,
    2.9079918108871983,
    1.4238209594551881,
    0.50589282436477856,
    0.13354245511448909,
    0.02629688618820511,
    0.0038050680474508466,
    0.00038788981039711507,
    2.530414910791416e-05,
    8.1158523279503994e-07,
};
#else
typedef uint32_t unsigned_real;
#define MANTISSA_BITS 23
#define EXPONENT_BIAS 127
#define LN2_HIGH 0x1.62e4p-1f
#define LN2_LOW 0x1.7f7d1cp-20f
#define EXPONENT_LIMIT 88
#define LOG_LARGEST 0x1.62e42ep+6f
#define LOG_SMALLEST -0x1.5d589ep+6f
#define NORMAL_LIMIT 13.28f

static const real tanh_odd[] = {0.984375f, 0.0163866729f};
static const real tanh_even[] = {1.96875f, 0.196835726f};
static const real artanh_tail[] = {
    0.666666746f, 0.399989486f, 0.286152184f, 0.214437574f, 0.242460042f,
};
static const real log_tail[] = {0.666667764f, 0.399775416f, 0.29871728f};
static const real normal_numerator[] = {
    0.75f, 0.648289084f, 0.267948538f, 0.0585894026f, 0.00581620447f,
};
static const real normal_denominator[] = {
    1.5f, 2.49340534f, 1.77534223f, 0.685957313f, 0.146873966f, 0.0145788267f,
};
#endif

/* Shifts of signed 64-bit lanes are slow before AVX-512. */
typedef unsigned_real uvec __attribute__((vector_size(VECTOR_BYTES), may_alias));

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Adding it rounds to an integer and leaves that, plus the exponent's bias, in
 * the low bits of the sum. */
#define ROUNDER ((real)(3LL << (MANTISSA_BITS - 1)) + EXPONENT_BIAS)

/* coefficient[0] + coefficient[1] x + ...; the calls have constant arguments. */
ALWAYS_INLINE vec
polynomial(vec x, const real *coefficient, size_t count)
{
    vec sum = splat(coefficient[count - 1]);

    UNROLL
    for (size_t i = count - 1; i-- > 0;) {
        sum = sum * x + coefficient[i];
    }
    return sum;
}

/* The same in blocks of four terms: fewer roundings one upon the other. */
ALWAYS_INLINE vec
polynomial_in_blocks(vec x, const real *coefficient, size_t count)
{
    size_t i = (count - 1) / 4 * 4;
    vec sum = polynomial(x, coefficient + i, count - i);
    vec square = x * x;

    UNROLL
    for (; i > 0; i -= 4) {
        const real *c = coefficient + i - 4;

        sum =
            sum * (square * square) + ((c[0] + c[1] * x) + square * (c[2] + c[3] * x));
    }
    return sum;
}

/* e^x = scale (even + odd) / (even - odd). */
struct exponential {
    vec scale;
    vec even;
    vec odd;
};

/* The parts of e^(x - low), low tiny against x, |x| <= EXPONENT_LIMIT + 3/4. The
 * scale is 2^n, 0 for the lowest exponent and infinite for the highest. */
ALWAYS_INLINE struct exponential
exponential_parts(vec x, vec low)
{
    vec shifted = x * (real)1.4426950408889634 + ROUNDER;
    vec n = shifted - ROUNDER;
    vec r = ((x - n * LN2_HIGH) - n * LN2_LOW) - low;
    vec z = r * r;

    return (struct exponential){
        .scale = (vec)((ivec)shifted << MANTISSA_BITS),
        .even = polynomial(z, tanh_even, COUNT(tanh_even)),
        .odd = r * polynomial(z, tanh_odd, COUNT(tanh_odd)),
    };
}

/* e^x, but 0 where that would be subnormal. */
ALWAYS_INLINE vec
vec_exp(vec x)
{
    struct exponential e = exponential_parts(x, splat(0));
    ivec one = (ivec)splat(1);
    ivec mantissa = (ivec)((e.even + e.odd) / (e.even - e.odd));
    vec y = (vec)(mantissa + ((ivec)e.scale - one));

    /* The scale was added to the exponent because it may be infinite where e^x is
     * not. Outside these limits y is noise. */
    y = vec_select(x < LOG_SMALLEST, splat(0), y);
    return vec_select(x <= LOG_LARGEST, y, x + (real)__builtin_inf());
}

/* e^x - 1 for x <= EXPONENT_LIMIT. */
ALWAYS_INLINE vec
vec_expm1(vec x)
{
    struct exponential e =
        exponential_parts(vec_max(splat(-EXPONENT_LIMIT), x), splat(0));

    return ((e.scale - 1) * e.even + (e.scale + 1) * e.odd) / (e.even - e.odd);
}

/* (e^2|x| - 1) / ((e^2|x| - 1) + 2) with the sign of x: never beyond 1, and exactly 1
 * from where the true value rounds to it. */
ALWAYS_INLINE vec
vec_tanh(vec x)
{
    vec size = vec_min(splat(EXPONENT_LIMIT / 2), vec_abs(x));
    struct exponential e = exponential_parts(size + size, splat(0));
    vec p = (e.scale - 1) * e.even + (e.scale + 1) * e.odd;

    return copy_sign(p / (p + 2 * (e.even - e.odd)), x);
}

/* 1 / (1 + e^-x), exactly 0 where that would be subnormal. */
ALWAYS_INLINE vec
vec_logistic(vec x)
{
    vec limit = splat(EXPONENT_LIMIT);
    struct exponential e =
        exponential_parts(vec_max(-limit, vec_min(limit, x)), splat(0));
    vec p = e.scale * (e.even + e.odd);

    return p / (p + (e.even - e.odd));
}

/* 2 artanh(q), which is log((1 + q) / (1 - q)), for as large a |q| as the tail is
 * made for: 1/3 for artanh_tail, the 0.172 of a mantissa for log_tail. */
ALWAYS_INLINE vec
twice_artanh(vec q, const real *tail, size_t count)
{
    vec z = q * q;

    return q * (2 + z * polynomial(z, tail, count));
}

/* The logarithm of a positive normal x; infinity and NaN are passed on. */
ALWAYS_INLINE vec
vec_log(vec x)
{
    ivec one = (ivec)splat(1);
    ivec half_root = (ivec)splat((real)0.70710678118654752);
    ivec mantissa_mask = (ivec){0} + (((real_int)1 << MANTISSA_BITS) - 1);
    ivec two = (ivec)splat((real)(1LL << MANTISSA_BITS));
    /* x = 2^k m with m between the roots of 1/2 and 2; k comes out biased. */
    ivec bits = (ivec)x + (one - half_root);
    vec m = (vec)((bits & mantissa_mask) + half_root);
    vec k = (vec)((ivec)((uvec)bits >> MANTISSA_BITS) | two) -
            ((real)(1LL << MANTISSA_BITS) + EXPONENT_BIAS);
    vec y = twice_artanh((m - 1) / (m + 1), log_tail, COUNT(log_tail));

    y = k * LN2_HIGH + (y + k * LN2_LOW);
    return vec_select(x < splat((real)__builtin_inf()), y, x);
}

/* log(1 + x) for -1/2 <= x <= 1. */
ALWAYS_INLINE vec
vec_log1p(vec x)
{
    return twice_artanh(x / (2 + x), artanh_tail, COUNT(artanh_tail));
}

/* log(1 + e^x), as max(x, 0) + log(1 + e^-|x|), without a threshold beyond which it
 * is x: PyTorch has one at 20, where the difference is 2e-9. */
ALWAYS_INLINE vec
vec_softplus(vec x)
{
    vec size = vec_min(splat(EXPONENT_LIMIT), vec_abs(x));
    struct exponential e = exponential_parts(-size, splat(0));
    vec p = e.scale * (e.even + e.odd);

    /* log1p(t) = 2 artanh(t / (2 + t)), with t a quotient itself. */
    return vec_max(splat(0), x) + twice_artanh(p / (2 * (e.even - e.odd) + p),
                                               artanh_tail, COUNT(artanh_tail));
}

/* The distribution function of the standard normal distribution at x, and its
 * density. The tail beyond |x| is e^(-x^2 / 2) times a rational function of |x|. */
ALWAYS_INLINE vec
vec_normal(vec x, vec *density)
{
    vec size = vec_min(splat(NORMAL_LIMIT), vec_abs(x));
    /* e^-s magnifies the rounding of s, so x^2 is taken in two parts, the first
     * the exact square of half the bits of x. */
    ivec high_bits = -((ivec){0} + ((real_int)1 << (MANTISSA_BITS / 2 + 1)));
    vec high = (vec)((ivec)size & high_bits);
    struct exponential e = exponential_parts(high * high * (real)-0.5,
                                             (size - high) * (size + high) * (real)0.5);
    vec numerator =
        polynomial_in_blocks(size, normal_numerator, COUNT(normal_numerator));
    vec denominator =
        polynomial_in_blocks(size, normal_denominator, COUNT(normal_denominator));
    vec ratio = (e.even + e.odd) / ((e.even - e.odd) * denominator);
    /* The scale comes last, lest a factor be subnormal where the result is not. */
    vec tail = e.scale * (ratio * numerator);

    *density = e.scale * (ratio * (denominator * (real)0.39894228040143268));
    return vec_select(x < 0, tail, 1 - tail);
}

#endif
