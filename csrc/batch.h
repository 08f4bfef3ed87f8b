/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One batch of rows, tile by tile: the sum of its losses and of its gradients, at a θ
 * that nothing changes meanwhile. The work is shared by a team (samples first, then
 * entries of the gradient) and cut into pieces between which poll is asked.
 */
#ifndef NNF_BATCH_H
#define NNF_BATCH_H

#include "dispatch.h"
#include "pass.h"
#include "plan.h"
#include "threads.h"

/* Who works on a batch, and who may stop it. */
struct nnf_crew {
    struct nnf_team team;
    const struct nnf_poll *poll;
    double work;                    /* multiply-adds since poll was last asked */
    struct nnf_float_state outside; /* the caller's, for whatever it is asked */
};

/* Start and end the crew's work; in between, the float state is the kernels'. */
void nnf_crew_begin(struct nnf_crew *crew);
void nnf_crew_end(struct nnf_crew *crew);

/* Count work done; true when poll was due and said stop. */
bool nnf_crew_stopped(struct nnf_crew *crew, const struct nnf_kernels *kernels,
                      double work);

/* Samples of a tile that a crew may work on between two polls. */
size_t nnf_crew_samples(const struct nnf_crew *crew, const struct nnf_plan *plan);

struct nnf_batch {
    const struct nnf_data *data;
    const size_t *order; /* the batch's rows; null: rows 0 to n in order */
    size_t n;
    const struct nnf_tile *resident;   /* tiles that are loaded already, or null */
    const struct nnf_dropout *dropout; /* seed and step; null: none */
};

/* The sum of the batch's sample weights. */
double nnf_batch_weight(const struct nnf_batch *batch, enum nnf_real real);

/* gradient := sum over the batch of weight · gradient of the loss; *loss := the sum
 * of weight · loss. False when stopped, and then both are half done. */
bool nnf_batch_gradient(const struct nnf_plan *plan, struct nnf_crew *crew,
                        const struct nnf_batch *batch, const void *parameters,
                        void *gradient, double *loss);

/* Forward only: rows [row, row + n) of the data, at most a tile, into the plan's own
 * tile and through the network to the last layer's output. False: stopped. */
bool nnf_batch_forward(const struct nnf_plan *plan, struct nnf_crew *crew,
                       const struct nnf_data *data, size_t row, size_t n,
                       const void *parameters);

/* Load all tiles of a batch without order; n_tiles of them, laid out by
 * nnf_batch_plan_resident. */
size_t nnf_batch_tiles(const struct nnf_plan *plan, size_t n);
struct nnf_tile *nnf_batch_plan_resident(const struct nnf_plan *plan, size_t n,
                                         struct arena *arena);
bool nnf_batch_load(const struct nnf_plan *plan, struct nnf_crew *crew,
                    const struct nnf_batch *batch);

#endif
