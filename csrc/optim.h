/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The solvers: one step on all of θ, and the learning-rate rules between epochs.
 */
#ifndef NNF_OPTIM_H
#define NNF_OPTIM_H

#include "batch.h"

/* A run of θ that one worker steps at a time. Its length is fixed, not a share of the
 * team's, because the sum of squares is added up run by run. */
struct nnf_run {
    size_t begin, count;
    bool decays;
};

struct nnf_optim {
    struct nnf_run *runs;
    double *squares; /* of θ before the step, one per run */
    size_t n_runs;
    void *decays; /* of each parameter, in a small network's single run; or null */
};

/* Lay out the runs: weights and biases apart where alpha tells them apart, but for a
 * network so small that calls would take longer than steps. */
void nnf_optim_plan(struct nnf_optim *optim, const struct nnf_plan *plan, double alpha,
                    struct arena *arena);

/* The learning rate of the next step; Adam's follows from its counter. */
double nnf_optim_rate(const struct nnf_training *training);

/* One step of training's solver with the batch's summed gradient; *squares: |W|².
 * False: stopped within, as only a network of more than four million parameters is. A
 * part of them has then made the step, with their moments, and the rest has not. */
bool nnf_optim_step(const struct nnf_optim *optim, const struct nnf_plan *plan,
                    struct nnf_crew *crew, const struct nnf_training *training,
                    double weight, void *parameters, void *gradient, void *moments,
                    double *squares);

/* gradient := (gradient + alpha W) / weight; *squares: |W|². False: stopped. */
bool nnf_optim_finish(const struct nnf_optim *optim, const struct nnf_plan *plan,
                      struct nnf_crew *crew, double alpha, double weight,
                      const void *parameters, void *gradient, double *squares);

/* What the solver does when the loss or score has not improved for long enough. */
enum nnf_event nnf_optim_stalled(struct nnf_training *training);

/* What it does at every epoch's end. */
void nnf_optim_epoch(struct nnf_training *training);

#endif
