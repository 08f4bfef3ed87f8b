/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One batch of rows, tile by tile: the sum of its losses and of its gradients, at a θ
 * that nothing changes meanwhile. The crew shares the work, samples first, then
 * entries of the gradient.
 */
#ifndef NNF_BATCH_H
#define NNF_BATCH_H

#include "crew.h"
#include "pass.h"
#include "plan.h"

struct nnf_batch {
    struct nnf_rows rows;
    const struct nnf_tile *resident; /* tiles that are loaded already, or null */
    struct nnf_dropout dropout;      /* seed and step */
};

/* The sum of the batch's sample weights; false when every one is zero. */
bool nnf_batch_weight(const struct nnf_batch *batch, struct nnf_crew *crew,
                      double *weight);

/* gradient := sum over the batch of weight · gradient of the loss; *loss := the sum
 * of weight · loss. False when stopped, and then both are half done. */
bool nnf_batch_gradient(const struct nnf_plan *plan, struct nnf_crew *crew,
                        const struct nnf_batch *batch, const void *parameters,
                        void *gradient, double *loss);

/* Forward only: rows, at most a tile, into the plan's own tile and through the network
 * to the last layer's output. False: stopped. */
bool nnf_batch_forward(const struct nnf_plan *plan, struct nnf_crew *crew,
                       const struct nnf_rows *rows, const void *parameters);

/* Tiles for n rows that stay loaded, and loading them. False: stopped. */
struct nnf_tile *nnf_batch_plan_resident(const struct nnf_plan *plan, size_t n,
                                         struct arena *arena);
bool nnf_batch_load(const struct nnf_plan *plan, struct nnf_crew *crew,
                    const struct nnf_rows *rows, struct nnf_tile *resident);

#endif
