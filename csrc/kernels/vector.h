/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Vectors of the real type for one instruction set, in GNU vector extensions.
 *
 * The including translation unit is compiled once per ISA and real type:
 * NNF_DOUBLE chooses the type, the compiler's own macros the width. LANES is the
 * number of reals in a vec. Buffers of the core's own are aligned to a vec and
 * padded to LANES; arrays of the caller are read and written through vec_u.
 */
#ifndef NNF_KERNELS_VECTOR_H
#define NNF_KERNELS_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX2__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

#ifdef NNF_DOUBLE
#define REAL_BYTES 8
typedef double real;
typedef int64_t real_int;
#else
#define REAL_BYTES 4
typedef float real;
typedef int32_t real_int;
#endif

#define LANES (VECTOR_BYTES / REAL_BYTES)

typedef real vec __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef real vec_u
    __attribute__((vector_size(VECTOR_BYTES), may_alias, aligned(sizeof(real))));
typedef real_int ivec __attribute__((vector_size(VECTOR_BYTES), may_alias));

/* As many 32-bit words as a vec has lanes. */
typedef uint32_t vec_word __attribute__((vector_size(LANES * sizeof(uint32_t))));

#define ALWAYS_INLINE static inline __attribute__((always_inline))

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#define NO_UNROLL _Pragma("clang loop unroll(disable)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#define NO_UNROLL _Pragma("GCC unroll 1")
#endif

ALWAYS_INLINE vec
splat(real x)
{
    return x - (vec){0};
}

ALWAYS_INLINE vec
load(const real *p)
{
    return *(const vec *)p;
}

ALWAYS_INLINE void
store(real *p, vec x)
{
    *(vec *)p = x;
}

ALWAYS_INLINE vec
load_u(const real *p)
{
    return *(const vec_u *)p;
}

ALWAYS_INLINE void
store_u(real *p, vec x)
{
    *(vec_u *)p = x;
}

/* x, which the compiler is to keep in a register: else it may load it anew for each
 * use, and loads may be what a loop waits for. */
ALWAYS_INLINE vec
in_register(vec x)
{
#if defined(__SSE2__)
    __asm__("" : "+v"(x));
#elif defined(__aarch64__)
    __asm__("" : "+w"(x));
#endif
    return x;
}

/* Lane by lane a where the mask is set (-1), else b. */
ALWAYS_INLINE vec
vec_select(ivec mask, vec a, vec b)
{
    return (vec)((mask & (ivec)a) | (~mask & (ivec)b));
}

/* Lane by lane x where the mask is set (-1), else zero. */
ALWAYS_INLINE vec
vec_only(ivec mask, vec x)
{
    return (vec)(mask & (ivec)x);
}

/* The few operations that GNU vector extensions lack, or that gcc does not recognise
 * in them: by name where an instruction set has them. */
#if defined(__AVX512F__) && defined(NNF_DOUBLE)
#define NATIVE(operation, ...) (vec) _mm512_##operation##_pd(__VA_ARGS__)
typedef __m512d native;
#elif defined(__AVX512F__)
#define NATIVE(operation, ...) (vec) _mm512_##operation##_ps(__VA_ARGS__)
typedef __m512 native;
#elif defined(__AVX2__) && defined(NNF_DOUBLE)
#define NATIVE(operation, ...) (vec) _mm256_##operation##_pd(__VA_ARGS__)
typedef __m256d native;
#elif defined(__AVX2__)
#define NATIVE(operation, ...) (vec) _mm256_##operation##_ps(__VA_ARGS__)
typedef __m256 native;
#elif defined(__SSE2__) && defined(NNF_DOUBLE)
#define NATIVE(operation, ...) (vec) _mm_##operation##_pd(__VA_ARGS__)
typedef __m128d native;
#elif defined(__SSE2__)
#define NATIVE(operation, ...) (vec) _mm_##operation##_ps(__VA_ARGS__)
typedef __m128 native;
#endif

/* A mask of the first n lanes, n < LANES, where loads and stores can have one. */
#if defined(__AVX512F__) && defined(NNF_DOUBLE)
#define LOAD_FIRST(p, n) (vec) _mm512_maskz_loadu_pd((__mmask8)((1u << (n)) - 1), p)
#define STORE_FIRST(p, x, n)                                                           \
    _mm512_mask_storeu_pd(p, (__mmask8)((1u << (n)) - 1), (native)(x))
#elif defined(__AVX512F__)
#define LOAD_FIRST(p, n) (vec) _mm512_maskz_loadu_ps((__mmask16)((1u << (n)) - 1), p)
#define STORE_FIRST(p, x, n)                                                           \
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << (n)) - 1), (native)(x))
#elif defined(__AVX2__)
ALWAYS_INLINE __m256i
first_lanes(size_t n)
{
    static const real_int mask[2 * LANES] = {[0 ... LANES - 1] = -1};

    return _mm256_loadu_si256((const __m256i *)(mask + LANES - n));
}

#define LOAD_FIRST(p, n) NATIVE(maskload, p, first_lanes(n))
#ifdef NNF_DOUBLE
#define STORE_FIRST(p, x, n) _mm256_maskstore_pd(p, first_lanes(n), (native)(x))
#else
#define STORE_FIRST(p, x, n) _mm256_maskstore_ps(p, first_lanes(n), (native)(x))
#endif
#endif

/* The first n reals at p, zeros after them; all lanes when n is that many or more. */
ALWAYS_INLINE vec
load_up_to(const real *p, size_t n)
{
    vec x = {0};

    if (n >= LANES) {
        return load_u(p);
    }
#ifdef LOAD_FIRST
    x = LOAD_FIRST(p, n);
#else
    for (size_t i = 0; i < n; i++) {
        x[i] = p[i];
    }
#endif
    return x;
}

ALWAYS_INLINE void
store_up_to(real *p, vec x, size_t n)
{
    if (n >= LANES) {
        store_u(p, x);
        return;
    }
#ifdef STORE_FIRST
    STORE_FIRST(p, x, n);
#else
    for (size_t i = 0; i < n; i++) {
        p[i] = x[i];
    }
#endif
}

#if defined(__AVX2__) && !defined(__AVX512F__)
/* A vector of two halves from anywhere. */
ALWAYS_INLINE vec
load_halves(const real *low, const real *high)
{
#ifdef NNF_DOUBLE
    native x = _mm256_castpd128_pd256(_mm_loadu_pd(low));

    return (vec)_mm256_insertf128_pd(x, _mm_loadu_pd(high), 1);
#else
    native x = _mm256_castps128_ps256(_mm_loadu_ps(low));

    return (vec)_mm256_insertf128_ps(x, _mm_loadu_ps(high), 1);
#endif
}
#endif

/* The smaller and the larger; a NaN in b passes through. */
ALWAYS_INLINE vec
vec_min(vec a, vec b)
{
#ifdef NATIVE
    return NATIVE(min, (native)a, (native)b);
#else
    return vec_select(a < b, a, b);
#endif
}

ALWAYS_INLINE vec
vec_max(vec a, vec b)
{
#ifdef NATIVE
    return NATIVE(max, (native)a, (native)b);
#else
    return vec_select(a > b, a, b);
#endif
}

/* sum + a · b, rounded once wherever there is such an instruction: said outright where
 * two functions have to agree, because compilers may see it in one of them only. */
ALWAYS_INLINE vec
vec_multiply_add(vec a, vec b, vec sum)
{
#if defined(__AVX512F__) || defined(__FMA__)
    return NATIVE(fmadd, (native)a, (native)b, (native)sum);
#elif defined(__aarch64__) && defined(NNF_DOUBLE)
    return (vec)vfmaq_f64((float64x2_t)sum, (float64x2_t)a, (float64x2_t)b);
#elif defined(__aarch64__)
    return (vec)vfmaq_f32((float32x4_t)sum, (float32x4_t)a, (float32x4_t)b);
#else
    return sum + a * b;
#endif
}

ALWAYS_INLINE vec
vec_sqrt(vec x)
{
#if defined(NATIVE)
    return NATIVE(sqrt, (native)x);
#elif defined(__aarch64__) && defined(NNF_DOUBLE)
    return (vec)vsqrtq_f64((float64x2_t)x);
#elif defined(__aarch64__)
    return (vec)vsqrtq_f32((float32x4_t)x);
#else
    for (int i = 0; i < LANES; i++) {
        x[i] = (real)__builtin_sqrt(x[i]);
    }
    return x;
#endif
}

ALWAYS_INLINE vec
vec_abs(vec x)
{
    return (vec)((ivec)x & ~(ivec)splat((real)-0.0));
}

/* |x| with the sign of s. */
ALWAYS_INLINE vec
copy_sign(vec x, vec s)
{
    ivec sign = (ivec)splat((real)-0.0);

    return (vec)(((ivec)x & ~sign) | ((ivec)s & sign));
}

#endif
