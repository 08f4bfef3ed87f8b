/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Small things that every file of the core may use: checked sizes, stepping
 * through arrays whose real type is known at run time only, and carving buffers
 * out of a caller's workspace.
 */
#ifndef NNF_COMMON_H
#define NNF_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nnfast.h"

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static inline size_t
min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t
max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

static inline size_t
ceil_div(size_t a, size_t b)
{
    return a / b + (a % b != 0);
}

static inline size_t
round_up(size_t a, size_t multiple)
{
    return ceil_div(a, multiple) * multiple;
}

/* *total += a * b; false when that overflows. */
static inline bool
add_product(size_t *total, size_t a, size_t b)
{
    if (b != 0 && a > (SIZE_MAX - *total) / b) {
        return false;
    }
    *total += a * b;
    return true;
}

/* The i-th element of an array of elements of that size. */
static inline void *
at(void *array, size_t i, size_t size)
{
    return (char *)array + i * size;
}

static inline const void *
at_const(const void *array, size_t i, size_t size)
{
    return (const char *)array + i * size;
}

/* The i-th of an array of reals. */
static inline double
real_at(enum nnf_real real, const void *array, size_t i)
{
    return real == NNF_FLOAT64 ? ((const double *)array)[i]
                               : (double)((const float *)array)[i];
}

static inline void
put_real(enum nnf_real real, void *array, size_t i, double value)
{
    if (real == NNF_FLOAT64) {
        ((double *)array)[i] = value;
    }
    else {
        ((float *)array)[i] = (float)value;
    }
}

/* Takes buffers off a block of memory, each aligned to NNF_ALIGNMENT. With a null
 * base it only counts: one function lays a workspace out and tells its size. */
struct arena {
    char *base;
    size_t used;
    bool overflow;
};

static inline void *
arena_take(struct arena *arena, size_t count, size_t size)
{
    size_t start = arena->used;

    if (arena->overflow || !add_product(&arena->used, count, size) ||
        arena->used > SIZE_MAX / 2) {
        arena->overflow = true;
        return NULL;
    }
    arena->used = round_up(arena->used, NNF_ALIGNMENT);
    return arena->base == NULL ? NULL : arena->base + start;
}

/* The same for count · width things of that size. */
static inline void *
arena_take_product(struct arena *arena, size_t count, size_t width, size_t size)
{
    size_t product = 0;

    if (!add_product(&product, count, width)) {
        arena->overflow = true;
    }
    return arena_take(arena, product, size);
}

#endif
