/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sums in double of vectors of the real type.
 */
#ifndef NNF_KERNELS_WIDE_H
#define NNF_KERNELS_WIDE_H

#include "vector.h"

/* As many doubles as a vec has lanes, in as many vectors as they fill: compilers take a
 * wider one apart lane by lane. */
#define DOUBLES (VECTOR_BYTES / 8)
typedef double doubles
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(double)), may_alias));
struct vec_double {
    doubles part[LANES / DOUBLES];
};

typedef float floats __attribute__((vector_size(DOUBLES * sizeof(float))));

ALWAYS_INLINE struct vec_double
widen(vec x)
{
#ifdef NNF_DOUBLE
    return (struct vec_double){{x}};
#elif defined(__AVX512F__) /* gcc 12 would widen four at a time */
    __m256 high =
        _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd((native)x), 1));

    return (struct vec_double){
        {(doubles)_mm512_cvtps_pd(_mm512_castps512_ps256((native)x)),
         (doubles)_mm512_cvtps_pd(high)}};
#else
    floats part[LANES / DOUBLES];
    struct vec_double wide;

    memcpy(part, &x, sizeof(x));
    UNROLL
    for (int i = 0; i < LANES / DOUBLES; i++) {
        wide.part[i] = __builtin_convertvector(part[i], doubles);
    }
    return wide;
#endif
}

/* Rounded back. */
ALWAYS_INLINE vec
narrow(struct vec_double wide)
{
#ifdef NNF_DOUBLE
    return wide.part[0];
#elif defined(__AVX512F__)
    __m512 low = _mm512_castps256_ps512(_mm512_cvtpd_ps((__m512d)wide.part[0]));
    __m256 high = _mm512_cvtpd_ps((__m512d)wide.part[1]);

    return (vec)_mm512_insertf32x8(low, high, 1);
#else
    floats part[LANES / DOUBLES];
    vec x;

    UNROLL
    for (int i = 0; i < LANES / DOUBLES; i++) {
        part[i] = __builtin_convertvector(wide.part[i], floats);
    }
    memcpy(&x, part, sizeof(x));
    return x;
#endif
}

/* sum += x, and sum += x². */
ALWAYS_INLINE void
add_wide(struct vec_double *sum, vec x)
{
    struct vec_double wide = widen(x);

    UNROLL
    for (int i = 0; i < LANES / DOUBLES; i++) {
        sum->part[i] += wide.part[i];
    }
}

ALWAYS_INLINE void
add_square(struct vec_double *sum, vec x)
{
    struct vec_double wide = widen(x);

    UNROLL
    for (int i = 0; i < LANES / DOUBLES; i++) {
        sum->part[i] += wide.part[i] * wide.part[i];
    }
}

/* The sum of all of them. */
ALWAYS_INLINE double
sum_of(struct vec_double sum)
{
    doubles total = sum.part[0];

    UNROLL
    for (int i = 1; i < LANES / DOUBLES; i++) {
        total += sum.part[i];
    }
    UNROLL
    for (int half = DOUBLES / 2; half > 0; half /= 2) {
        UNROLL
        for (int i = 0; i < half; i++) {
            total[i] += total[i + half];
        }
    }
    return total[0];
}

#endif
