/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Moving lanes: transposing a square block and summing along lanes.
 *
 * Both are butterflies over LANES vectors. At distance s the vectors i and i + s
 * (bit s of i clear) exchange halves: `low` keeps of both the lanes whose bit s is
 * clear, `high` those where it is set. After all distances row and lane numbers
 * have swapped; adding the two halves instead of keeping both sums along the lanes.
 */
#ifndef NNF_KERNELS_SHUFFLES_H
#define NNF_KERNELS_SHUFFLES_H

#include "vector.h"

/* Lane l of low and of high, as an index into the 2 · LANES lanes of both inputs. */
#define LOW(l, s) (((l) & (s)) ? (l) - (s) + LANES : (l))
#define HIGH(l, s) (((l) & (s)) ? (l) + LANES : (l) + (s))

#if LANES == 2
#define EACH_LANE(f, s) f(0, s), f(1, s)
#elif LANES == 4
#define EACH_LANE(f, s) f(0, s), f(1, s), f(2, s), f(3, s)
#elif LANES == 8
#define EACH_LANE(f, s)                                                                \
    f(0, s), f(1, s), f(2, s), f(3, s), f(4, s), f(5, s), f(6, s), f(7, s)
#else
#define EACH_LANE(f, s)                                                                \
    f(0, s), f(1, s), f(2, s), f(3, s), f(4, s), f(5, s), f(6, s), f(7, s), f(8, s),   \
        f(9, s), f(10, s), f(11, s), f(12, s), f(13, s), f(14, s), f(15, s)
#endif

#if defined(__has_builtin) && __has_builtin(__builtin_shufflevector)
#define PICK(a, b, f, s) ((vec)__builtin_shufflevector(a, b, EACH_LANE(f, s)))
#else
#define PICK(a, b, f, s) ((vec)__builtin_shuffle(a, b, (ivec){EACH_LANE(f, s)}))
#endif

#define EXCHANGE(s)                                                                    \
    UNROLL                                                                             \
    for (int i = 0; i < LANES; i++) {                                                  \
        if ((i & (s)) == 0) {                                                          \
            vec a = block[i], b = block[i + (s)];                                      \
            block[i] = PICK(a, b, LOW, s);                                             \
            block[i + (s)] = PICK(a, b, HIGH, s);                                      \
        }                                                                              \
    }

#define FOLD(s)                                                                        \
    UNROLL                                                                             \
    for (int i = 0; i < (s); i++) {                                                    \
        vec a = block[i], b = block[i + (s)];                                          \
        block[i] = PICK(a, b, LOW, s) + PICK(a, b, HIGH, s);                           \
    }

ALWAYS_INLINE void
exchange_within_halves(vec block[LANES])
{
    (void)block; /* of two lanes: nothing to do */
#if LANES >= 16
    EXCHANGE(4)
#endif
#if LANES >= 8
    EXCHANGE(2)
#endif
#if LANES >= 4
    EXCHANGE(1)
#endif
}

/* Lane j of block[i] and lane i of block[j] change places. */
ALWAYS_INLINE void
transpose_block(vec block[LANES])
{
    EXCHANGE(LANES / 2)
    exchange_within_halves(block);
}

/* The block of a vector of each of these rows, from the c-th real on, with rows and
 * lanes changed. */
ALWAYS_INLINE void
load_rows_transposed(const real *const row[LANES], size_t c, vec block[LANES])
{
#if defined(__AVX2__) && !defined(__AVX512F__)
    /* Halves change places as they are loaded, which takes no shuffle. */
    enum { HALF = LANES / 2 };

    UNROLL
    for (int i = 0; i < LANES; i++) {
        size_t first = c + (size_t)(i / HALF * HALF);

        block[i] = load_halves(row[i % HALF] + first, row[i % HALF + HALF] + first);
    }
    exchange_within_halves(block);
#else
    UNROLL
    for (int i = 0; i < LANES; i++) {
        block[i] = load_u(row[i] + c);
    }
    transpose_block(block);
#endif
}

/* The block of the first so many rows at `from`, zeros for those from there on, with
 * rows and lanes changed. */
ALWAYS_INLINE void
load_transposed(size_t rows, const real *from, size_t stride, vec block[LANES])
{
    UNROLL
    for (size_t i = 0; i < LANES; i++) {
        block[i] = i < rows ? load(from + i * stride) : splat(0);
    }
    transpose_block(block);
}

/* Lane i of the result is the sum of the lanes of block[i]; the block is used up.
 * Every sum is the same tree, so its bits do not depend on i. */
ALWAYS_INLINE vec
sum_lanes(vec block[LANES])
{
#if LANES >= 16
    FOLD(8)
#endif
#if LANES >= 8
    FOLD(4)
#endif
#if LANES >= 4
    FOLD(2)
#endif
    FOLD(1)
    return block[0];
}

#endif
