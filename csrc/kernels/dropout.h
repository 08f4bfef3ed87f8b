/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Inverted dropout. The mask is Threefry-2x32 of (row, unit / 2) under a key per
 * step and layer (rng.h), drawn for a vector of rows and two units at a time, so it
 * is the same however the work is cut and for both real types.
 */
#ifndef NNF_KERNELS_DROPOUT_H
#define NNF_KERNELS_DROPOUT_H

#include "../rng.h"
#include "vector.h"

typedef int32_t mask_word __attribute__((vector_size(LANES * sizeof(int32_t))));

struct two_words {
    vec_word unit[2];
};

ALWAYS_INLINE struct two_words
threefry(const uint32_t key[2], vec_word x, vec_word y)
{
    static const unsigned rotations[8] = NNF_THREEFRY_ROTATIONS;
    const uint32_t schedule[3] = {key[0], key[1],
                                  key[0] ^ key[1] ^ NNF_THREEFRY_PARITY};

    x += schedule[0];
    y += schedule[1];
    UNROLL
    for (uint32_t round = 0; round < 20; round++) {
        unsigned by = rotations[round % 8];

        x += y;
        y = (y << by | y >> (32 - by)) ^ x;
        if (round % 4 == 3) {
            uint32_t s = round / 4 + 1;

            x += schedule[s % 3];
            y += schedule[(s + 1) % 3] + s;
        }
    }
    return (struct two_words){{x, y}};
}

ALWAYS_INLINE void
drop_vector(vec_word word, uint32_t threshold, vec scale, real *p)
{
    mask_word kept = (mask_word)(word >= threshold);
    ivec mask = __builtin_convertvector(kept, ivec);

    store(p, vec_select(mask, load(p) * scale, splat(0)));
}

static void
dropout(size_t d, size_t n, size_t row, const uint32_t key[2], double rate,
        void *output, void *slope, size_t stride)
{
    const uint32_t threshold = (uint32_t)(rate * 4294967296.0);
    const vec scale = splat((real)(1 / (1 - rate)));

    for (size_t unit = 0; unit < d; unit += 2) {
        for (size_t j = 0; j < n; j += LANES) {
            vec_word rows = {0}, pair = rows + (uint32_t)(unit / 2);

            for (int i = 0; i < LANES; i++) {
                rows[i] = (uint32_t)(row + j) + (uint32_t)i;
            }

            struct two_words words = threefry(key, rows, pair);

            for (size_t half = 0; half < 2 && unit + half < d; half++) {
                size_t offset = (unit + half) * stride + j;

                drop_vector(words.unit[half], threshold, scale,
                            (real *)output + offset);
                drop_vector(words.unit[half], threshold, scale, (real *)slope + offset);
            }
        }
    }
}

#endif
