/* SPDX-License-Identifier: BSD-3-Clause */
#include "rng.h"

#include "common.h"

/* Uniform in [0, max]: masked rejection, as NumPy's legacy random_interval. */
static size_t
interval(const struct nnf_bits *bits, size_t max)
{
    uint64_t mask = max;
    uint64_t value;

    for (unsigned shift = 1; shift < 64; shift *= 2) {
        mask |= mask >> shift;
    }
    do {
        value = bits->next_uint32(bits->state);
        if (max > UINT32_MAX) {
            value = value << 32 | bits->next_uint32(bits->state);
        }
        value &= mask;
    } while (value > max);
    return (size_t)value;
}

void
nnf_shuffle(const struct nnf_bits *bits, size_t *order, size_t n, size_t to)
{
    /* Fisher and Yates from the end; shuffling the order itself gives what
     * indexing it with a shuffled arange(n) would. */
    for (size_t i = n; i-- > max_size(to, 1);) {
        size_t j = interval(bits, i);
        size_t held = order[j];

        order[j] = order[i];
        order[i] = held;
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
