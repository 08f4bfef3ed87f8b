/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Elementary functions of a vec, lane by lane; NaN in, NaN out.
 *
 * All exponentials begin with a reduction, x = n ln 2 + r with |r| <= ln 2 / 2, and s =
 * 2^n. Quotients of exponentials (tanh, logistic, e^x - 1) take e^r from one even
 * function, E = r coth(r / 2), as (E + r) / (E - r): one division each.
 * Products with an exponential (the normal distribution, silu, mish, softmax) take it
 * from a polynomial, and hold back the 1 of e^r = 1 + (e^r - 1) until the rest is
 * multiplied out. Logarithms are 2 artanh. No result is further than 4 ulp from the
 * truth, multiply-add fused or not: tests/c/accuracy.c measures it, docs/accuracy.md
 * has the table.
 */
#ifndef NNF_KERNELS_MATH_H
#define NNF_KERNELS_MATH_H

#include "vector.h"

/* All coefficients are minimax fits of our own in relative error, lowest power
 * first. LN2_HIGH ends in zeros: n LN2_HIGH is exact. */
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
#define MILLS_MIDDLE 2.217447586706804

static const real coth_tail[] = {
    0.16666666666666602,     -0.0027777777777012774, 6.613756320537667e-05,
    -1.6533901112668378e-06, 4.138092496900797e-08,
};
static const real artanh_tail[] = {
    0.08333333333333288,    0.012500000000048828,  0.0022321428553087716,
    0.00043402781181015845, 8.877804724453227e-05, 1.8782418418620868e-05,
    4.059144521501498e-06,  9.2360485214006e-07,   1.5909003956499942e-07,
    8.114488515773413e-08,
};
static const real log_tail[] = {
    0.08333333333333418,    0.012499999999817086, 0.0022321428704990634,
    0.00043402731588198666, 8.8786935190464e-05,  1.8693909349941222e-05,
    4.515365523225131e-06,
};
static const real exp_tail[] = {0.5000000000000011,     0.1666666666666641,
                                0.04166666666653026,    0.008333333333495214,
                                0.001388888894360938,   0.00019841269505093648,
                                2.480149311652908e-05,  2.7557587610740817e-06,
                                2.7630243102207324e-07, 2.4999690768982043e-08};
static const real mills[] = {
    -0.24185121336647225,    -0.10327739935853501,   0.35140995793460467,
    -0.34811380565281136,    0.1770293603158162,     -0.025222371850859845,
    -0.022022280841089637,   0.008724794979362897,   0.0034144500091977735,
    -0.0018800674925350796,  -0.0008223271989115583, 0.00034588159690493756,
    0.0002477379444289748,   -3.595893836738869e-05, -7.160524422006014e-05,
    -1.1056694866145243e-05, 1.564025661502086e-05,  9.801455736092715e-06,
    -1.1780516203754595e-06, -4.97864799923814e-06,  -1.2990726308457153e-07,
    1.8087170688216495e-06,  -4.99154247842841e-07,
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
#define MILLS_MIDDLE 2.21744752f

static const real coth_tail[] = {0.166666254f, -0.00276671978f};
static const real artanh_tail[] = {
    0.0833333433f, 0.0124996714f, 0.00223556394f, 0.000418823387f, 0.000118388692f,
};
static const real log_tail[] = {
    0.0833334699f,
    0.0124929817f,
    0.00233372883f,
};
static const real exp_tail[] = {0.49999994f, 0.166665211f, 0.0416683853f,
                                0.00836871751f, 0.00138146849f};
static const real mills[] = {
    -0.241851211f,  -0.103277318f,  0.351410627f,   -0.348113894f,  0.177011639f,
    -0.0252292119f, -0.0218659379f, 0.00873817038f, 0.00284013734f, -0.00175583188f,
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

/* e^x = scale e^rest. */
struct reduction {
    vec scale;
    vec rest;
};

/* Of x - low, low tiny against x, |x| <= EXPONENT_LIMIT + 3/4. The scale is 2^n, 0 for
 * the lowest exponent and infinite for the highest; |rest| <= ln 2 / 2. */
ALWAYS_INLINE struct reduction
reduce(vec x, vec low)
{
    vec shifted = (x - low) * (real)1.4426950408889634 + ROUNDER;
    vec n = shifted - ROUNDER;

    return (struct reduction){
        .scale = (vec)((ivec)shifted << MANTISSA_BITS),
        .rest = ((x - n * LN2_HIGH) - n * LN2_LOW) - low,
    };
}

/* The same of an x from 0 to EXPONENT_LIMIT / 2 whose e^x counts less the larger n is:
 * ln 2 in one part. */
ALWAYS_INLINE struct reduction
reduce_once(vec x)
{
    vec shifted = x * (real)1.4426950408889634 + ROUNDER;

    return (struct reduction){
        .scale = (vec)((ivec)shifted << MANTISSA_BITS),
        .rest = x - (shifted - ROUNDER) * (real)0.69314718055994531,
    };
}

/* e^x = scale (1 + more). */
struct power {
    vec scale;
    vec more;
};

/* Of x - low, as reduce takes them. */
ALWAYS_INLINE struct power
power_parts(vec x, vec low)
{
    struct reduction reduced = reduce(x, low);
    vec r = reduced.rest;

    return (struct power){
        .scale = reduced.scale,
        .more = r + r * r * polynomial(r, exp_tail, COUNT(exp_tail)),
    };
}

/* Of an x from POWER_LIMIT to 40, with the scale LIFTED times too large: x e^x is zero
 * later than e^x, and only at POWER_LIMIT below the normal numbers with certainty. */
#define POWER_LIMIT ((real) - (EXPONENT_LIMIT + 7))
#define LIFTED ((real)(1LL << (MANTISSA_BITS + 4)))
ALWAYS_INLINE struct power
low_power(vec x)
{
    struct power e = power_parts(x, splat(0));

    e.scale = (vec)((ivec)e.scale + ((ivec)splat(LIFTED) - (ivec)splat(1)));
    return e;
}

/* e^x of such a power, 0 where that would be subnormal. */
ALWAYS_INLINE vec
power_value(struct power e)
{
    return (e.scale + e.scale * e.more) * (1 / LIFTED);
}

/* x (1 - y) times such a power, rounded but once beside what is small against 1. */
ALWAYS_INLINE vec
power_product(vec x, struct power e, vec y)
{
    vec product = x * e.scale;
    vec more = e.more - (y + e.more * y);

    return (product + product * more) * (1 / LIFTED);
}

/* e^x = scale (even + rest) / (even - rest), where the quotient is e^rest. */
struct exponential {
    vec scale;
    vec rest;
    vec even; /* 2 + bend, by one multiply-add where there are such */
    vec bend;
};

ALWAYS_INLINE struct exponential
exponential_parts(struct reduction reduced)
{
    vec z = reduced.rest * reduced.rest;
    vec tail = polynomial(z, coth_tail, COUNT(coth_tail));

    return (struct exponential){
        .scale = reduced.scale,
        .rest = reduced.rest,
        .even = z * tail + 2,
        .bend = z * tail,
    };
}

/* e^x, but 0 where that would be subnormal. */
ALWAYS_INLINE vec
vec_exp(vec x)
{
    struct exponential e = exponential_parts(reduce(x, splat(0)));
    uvec mantissa = (uvec)((e.even + e.rest) / (e.even - e.rest));
    vec y = (vec)(mantissa + ((uvec)e.scale - (uvec)splat(1)));

    /* The scale was added to the exponent because it may be infinite where e^x is
     * not. Outside these limits y is noise. */
    y = vec_select(x < LOG_SMALLEST, splat(0), y);
    return vec_select(x <= LOG_LARGEST, y, x + (real)__builtin_inf());
}

/* e^(x - y) for x <= y, of the exact difference, and 0 where that would be subnormal: a
 * large difference magnifies its own rounding. */
ALWAYS_INLINE vec
vec_exp_difference(vec x, vec y)
{
    vec difference = x - y, limit = splat(-EXPONENT_LIMIT);
    vec minus_y = difference - x;
    vec excess = (y + minus_y) - (x - (difference - minus_y));  /* Knuth's two-sum */
    vec low = vec_select(difference < limit, splat(0), excess); /* also if infinite */
    struct power e = power_parts(vec_max(limit, difference), low);

    return e.scale * (1 + e.more);
}

/* e^x - 1 for x <= EXPONENT_LIMIT, as (s - 1) + s (e^r - 1), where s - 1 is exact and
 * e^r - 1 = r + r (r - (E - 2)) / (E - r) has its leading term unrounded. */
ALWAYS_INLINE vec
vec_expm1(vec x)
{
    vec bounded = vec_max(splat(-EXPONENT_LIMIT), x);
    struct exponential e = exponential_parts(reduce(bounded, splat(0)));
    vec more = (e.rest - e.bend) / (e.even - e.rest);

    return e.scale * (e.rest + e.rest * more) + (e.scale - 1);
}

/* (e^2|x| - 1) / ((e^2|x| - 1) + 2) with the sign of x: never beyond 1, and exactly 1
 * from where the true value rounds to it. */
ALWAYS_INLINE vec
vec_tanh(vec x)
{
    vec size = vec_min(splat(EXPONENT_LIMIT / 4), vec_abs(x));
    struct exponential e = exponential_parts(reduce_once(size + size));
    vec p = (e.scale - 1) * e.even + (e.scale + 1) * e.rest;

    return copy_sign(p / (p + 2 * (e.even - e.rest)), x);
}

/* 1 / (1 + e^-x), exactly 0 where that would be subnormal. */
ALWAYS_INLINE vec
vec_logistic(vec x)
{
    vec limit = splat(EXPONENT_LIMIT);
    vec bounded = vec_max(-limit, vec_min(limit, x));
    struct exponential e = exponential_parts(reduce(bounded, splat(0)));
    vec p = e.scale * (e.even + e.rest);

    return p / (p + (e.even - e.rest));
}

/* 2 artanh(t / 2), which is log((2 + t) / (2 - t)), for as large a |t| as the tail is
 * made for: 2/3 for artanh_tail, the 0.344 of a mantissa for log_tail. */
ALWAYS_INLINE vec
twice_artanh_half(vec t, const real *tail, size_t count)
{
    vec z = t * t;

    return t + t * (z * polynomial(z, tail, count));
}

/* The logarithm of a positive normal x, but not of infinity; NaN is passed on. */
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
    vec t = (m - 1) / ((real)0.5 * m + (real)0.5);
    vec y = twice_artanh_half(t, log_tail, COUNT(log_tail));

    y = k * LN2_HIGH + (y + k * LN2_LOW);
    return x * 0 + y;
}

/* log(1 + x) for -1/2 <= x <= 1. */
ALWAYS_INLINE vec
vec_log1p(vec x)
{
    vec t = x / (1 + (real)0.5 * x);

    return twice_artanh_half(t, artanh_tail, COUNT(artanh_tail));
}

/* log(1 + e^x), as max(x, 0) + log(1 + e^-|x|), without a threshold beyond which it
 * is x: PyTorch has one at 20, where the difference is 2e-9. */
ALWAYS_INLINE vec
vec_softplus(vec x)
{
    vec size = vec_min(splat(EXPONENT_LIMIT), vec_abs(x));
    struct exponential e = exponential_parts(reduce(-size, splat(0)));
    vec p = e.scale * (e.even + e.rest);

    /* log1p(u) = 2 artanh(t / 2) with t = u / (1 + u / 2), here u = p / (E - r). */
    vec t = p / ((e.even - e.rest) + (real)0.5 * p);

    return vec_max(splat(0), x) + twice_artanh_half(t, artanh_tail, COUNT(artanh_tail));
}

/* The tail of the standard normal distribution, Φ(-|x|), and |x| times the tail and
 * times the density. */
struct normal {
    vec tail; /* to an error of a rounding of 1 */
    vec x_tail;
    vec x_density;
};

/* The tail is e^-s (1 + m) / (2 |x| + 2) with s = x^2 / 2, where m varies slowly. Of
 * all factors only 1 + ((1 + e^r - 1) (1 + m) - 1) is near 1, and it is never rounded
 * alone. */
ALWAYS_INLINE struct normal
normal_parts(vec x)
{
    vec size = vec_min(splat(NORMAL_LIMIT), vec_abs(x));
    /* e^-s magnifies the rounding of s, so x^2 is taken in two parts, the first
     * the exact square of half the bits of x. */
    ivec high_bits = -((ivec){0} + ((real_int)1 << (MANTISSA_BITS / 2 + 1)));
    vec high = (vec)((ivec)size & high_bits);
    struct power e = power_parts(high * high * (real)-0.5,
                                 (size - high) * (size + high) * (real)0.5);
    vec t = (size - MILLS_MIDDLE) / (size + 4);
    vec m = t * polynomial(t, mills, COUNT(mills));
    vec more = e.more + (m + e.more * m);
    vec share = size / (2 * size + 2), rest = (real)0.5 - share;

    return (struct normal){
        .tail = e.scale * (rest + rest * more),
        /* The scale comes last, lest a factor be subnormal where the result is not. */
        .x_tail = e.scale * (share + share * more),
        .x_density = e.scale * (size + size * e.more) * (real)0.39894228040143268,
    };
}

#endif
