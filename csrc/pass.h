/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The passes of a network over samples [first, first + n) of a tile. No pass mixes
 * samples but the gradient, so any cut into runs of whole vectors gives the same
 * bits. n is a multiple of the lanes here, save for the loads, which fill it up.
 */
#ifndef NNF_PASS_H
#define NNF_PASS_H

#include "plan.h"

/* Rows order[0..n) of the data (0..n where null), starting with row `row` when there
 * is no order, into the tile from sample `first` on. */
void nnf_pass_load(const struct nnf_plan *plan, const struct nnf_data *data,
                   const size_t *order, size_t row, size_t n,
                   const struct nnf_tile *tile, size_t first);

/* From the tile's input to every layer's output. */
void nnf_pass_forward(const struct nnf_plan *plan, const void *parameters,
                      const struct nnf_tile *tile, size_t first, size_t n);

/* What a training pass knows besides: which masks to draw. */
struct nnf_dropout {
    uint64_t seed, step;
    size_t row; /* of the tile's first sample in its batch */
};

/* As nnf_pass_forward, keeping what backward needs, with dropout where the plan has
 * it. */
void nnf_pass_forward_training(const struct nnf_plan *plan, const void *parameters,
                               const struct nnf_tile *tile, size_t first, size_t n,
                               const struct nnf_dropout *dropout);

/* From the outputs and targets to every layer's delta and each sample's loss. */
void nnf_pass_backward(const struct nnf_plan *plan, const void *parameters,
                       const struct nnf_tile *tile, size_t first, size_t n);

/* The entries of θ's gradient that begin in [begin, end) (a weight's row counts where
 * it starts), summed over the first n samples of the tile; added to what is there
 * when accumulate is set. */
void nnf_pass_gradient(const struct nnf_plan *plan, const struct nnf_tile *tile,
                       size_t n, size_t begin, size_t end, void *gradient,
                       bool accumulate);

#endif
