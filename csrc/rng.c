/* SPDX-License-Identifier: BSD-3-Clause */
#include "rng.h"

#include <stdbool.h>

#include "common.h"

/* Places that are drawn before they are used. */
#define DRAWN ((size_t)128)

/* The smallest 2^k - 1 from max on. */
static uint64_t
mask_of(uint64_t max)
{
    uint64_t mask = max;

    for (unsigned shift = 1; shift < 64; shift *= 2) {
        mask |= mask >> shift;
    }
    return mask;
}

static uint64_t
word(const struct nnf_bits *bits, bool wide)
{
    uint64_t value = bits->next_uint32(bits->state);

    return wide ? value << 32 | bits->next_uint32(bits->state) : value;
}

/* place[0..count) := uniform in [0, max], [0, max - 1] and so on, by masked rejection
 * as in NumPy's legacy random_interval. Whether a word is rejected cannot be foreseen,
 * so nothing branches on it: it is overwritten. */
static void
draw_places(const struct nnf_bits *bits, size_t max, size_t count, uint64_t *place)
{
    for (size_t drawn = 0; drawn < count;) {
        uint64_t mask = mask_of(max - drawn);
        /* As long as the mask is the same. */
        size_t end = min_size(count, max - (size_t)(mask >> 1));
        bool wide = mask > UINT32_MAX;

        while (drawn < end) {
            place[drawn] = word(bits, wide) & mask;
            drawn += place[drawn] <= max - drawn;
        }
    }
}

void
nnf_shuffle(const struct nnf_bits *bits, size_t *order, size_t n, size_t to)
{
    uint64_t place[DRAWN];

    /* Fisher and Yates from the end; shuffling the order itself gives what
     * indexing it with a shuffled arange(n) would. */
    for (size_t last = max_size(to, 1); n > last;) {
        size_t count = min_size(DRAWN, n - last);

        draw_places(bits, n - 1, count, place);
        for (size_t k = 0; order != NULL && k < count; k++) {
            size_t i = n - 1 - k, j = (size_t)place[k];
            size_t held = order[j];

            order[j] = order[i];
            order[i] = held;
        }
        n -= count;
    }
}

void
nnf_dropout_key(uint64_t seed, uint64_t step, size_t layer, uint32_t key[2])
{
    static const unsigned rotations[8] = NNF_THREEFRY_ROTATIONS;
    const uint32_t schedule[3] = {
        (uint32_t)seed,
        (uint32_t)(seed >> 32),
        (uint32_t)seed ^ (uint32_t)(seed >> 32) ^ NNF_THREEFRY_PARITY,
    };
    uint32_t x = (uint32_t)step + schedule[0];
    uint32_t y = (uint32_t)layer + schedule[1];

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
    key[0] = x;
    key[1] = y;
}
