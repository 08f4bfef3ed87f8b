/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The two sources of randomness: the order of rows, drawn from the caller's
 * generator exactly as NumPy's legacy RandomState draws it, and the dropout masks,
 * a function of a counter (Threefry-2x32-20: Salmon, Moraes, Dror and Shaw, "Parallel
 * random numbers: as easy as 1, 2, 3", SC 2011).
 */
#ifndef NNF_RNG_H
#define NNF_RNG_H

#include <stddef.h>
#include <stdint.h>

#include "nnfast.h"

/* order[0..n) := its own composition with a fresh permutation, as sklearn.utils.shuffle
 * does to an index array; null: it is only drawn. A call draws the places from n - 1
 * down to `to` only; the next goes on with n = to, until to is 0. */
void nnf_shuffle(const struct nnf_bits *bits, size_t *order, size_t n, size_t to);

/* The key under which layer l's mask of step s is drawn: the word of (row, unit) is
 * word unit % 2 of threefry(key, counter = (row, unit / 2)). All counters are 32 bits
 * wide: masks come again after 2³² steps. */
void nnf_dropout_key(uint64_t seed, uint64_t step, size_t layer, uint32_t key[2]);

/* Threefry's rotations and key schedule, shared with the vector kernel. */
#define NNF_THREEFRY_ROTATIONS                                                         \
    {                                                                                  \
        13, 15, 26, 6, 17, 29, 16, 24                                                  \
    }
#define NNF_THREEFRY_PARITY 0x1BD11BDAu

#endif
