/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The whole of a stochastic fit: epochs of shuffled mini-batches, one step each, with
 * scikit-learn's rules for the learning rate and for stopping.
 *
 * θ changes in step() only, after the batch's gradient is complete; every way out of
 * a half-done batch leaves θ and the moments as the last whole step made them. (To make
 * a step takes long in a network of millions of weights: if it is stopped in there, a
 * part of them has made it.)
 */
#include <math.h>
#include <string.h>

#include "batch.h"
#include "loss.h"
#include "optim.h"
#include "order.h"
#include "score.h"

/* Beside the products: the start of a step. */
#define STEP_NANOSECONDS 500.0

/* What it takes to look at a number that is fetched from memory. */
#define LOOK_NANOSECONDS 0.5
#define LOOK_AT_ONCE ((size_t)4 * 1024 * 1024)

/* Up to this size the rows of a full batch are kept as tiles from epoch to epoch. */
#define RESIDENT_BYTES ((size_t)64 * 1024 * 1024)

struct job {
    struct nnf_training *training;
    const struct nnf_data *data;
    struct nnf_crew crew;
    struct nnf_plan plan;
    struct nnf_optim optim;
    struct nnf_scoring scoring;
    bool full;                 /* every batch is all rows */
    struct nnf_tile *resident; /* of a full batch that is small; else null */
    size_t batch_size;
    struct nnf_order order;
    void *gradient;
    void *parameters, *moments, *best_parameters;
};

/* Memory. */

/* Whether all rows as tiles are worth keeping, and small enough. */
static bool
stays_resident(const struct job *job, const struct nnf_training *training)
{
    const struct nnf_net *net = job->plan.net;
    size_t inputs = job->plan.sparse ? 0 : net->widths[0];
    double row_bytes = (double)(inputs + net->widths[net->n_layers] + 1) *
                       (double)job->plan.kernels->real_size;

    return job->full && training->max_epochs > 1 &&
           row_bytes * (double)job->batch_size <= (double)RESIDENT_BYTES;
}

static void
plan_job(struct job *job, const struct nnf_net *net, const struct nnf_kernels *kernels,
         const struct nnf_training *training, const struct nnf_data *data,
         struct arena *arena)
{
    const struct nnf_split *split = training->split;
    size_t n_rows = split == NULL ? data->n_rows : split->n_training;

    job->data = data;
    job->batch_size = min_size(training->batch_size, n_rows);
    job->full = job->batch_size == n_rows;
    nnf_plan_training(&job->plan, net, kernels, data, job->batch_size,
                      training->dropout, arena);
    nnf_optim_plan(&job->optim, &job->plan, training->alpha, arena);
    nnf_crew_plan(&job->crew, training->n_threads, job->plan.packed, arena);
    job->gradient = arena_take(arena, job->plan.n_parameters, kernels->real_size);
    if (stays_resident(job, training)) {
        job->resident = nnf_batch_plan_resident(&job->plan, n_rows, arena);
    }
    job->order = (struct nnf_order){
        .n_rows = n_rows,
        .numbers = split == NULL ? NULL : split->training,
        .bits = training->shuffle,
        .stays = job->full,
    };
    nnf_order_plan(&job->order, arena);
    if (split != NULL) {
        job->scoring = (struct nnf_scoring){
            .data = data,
            .score = training->score,
            .weights = split->weights,
            .held_out = {.n_rows = split->n_held_out, .numbers = split->held_out},
        };
        nnf_scoring_plan(&job->scoring, &job->plan, arena);
    }
}

size_t
nnf_train_workspace(const struct nnf_net *net, const struct nnf_kernels *kernels,
                    const struct nnf_training *training, const struct nnf_data *data)
{
    struct job job = {0};
    struct arena arena = {0};

    plan_job(&job, net, kernels, training, data, &arena);
    return arena.overflow ? 0 : arena.used;
}

/* One step. */

/* What is learnt from, in the order of this epoch. */
static struct nnf_rows
all_rows(const struct job *job)
{
    return (struct nnf_rows){
        .data = job->data, .order = job->order.rows, .n = job->order.n_rows};
}

/* What an epoch's batches add up to. */
struct epoch {
    double loss; /* each batch's times its rows */
    size_t rows;
};

/* One batch, the rows from `row` on. False when poll stopped it. */
static bool
step(struct job *job, size_t row, size_t n, struct epoch *epoch)
{
    struct nnf_training *training = job->training;
    const struct nnf_rows all = all_rows(job);
    const struct nnf_batch batch = {
        .rows = nnf_rows_part(&all, row, n),
        .resident = job->resident,
        .dropout = {.seed = training->dropout_seed, .step = training->n_updates},
    };
    double loss, squares, weight;

    if (nnf_crew_spent(&job->crew, STEP_NANOSECONDS)) {
        return false;
    }
    if (!nnf_batch_weight(&batch, &job->crew, &weight)) {
        /* No row counts: nothing is learnt from it. Or poll has stopped the count. */
        return !atomic_load(&job->crew.stopped);
    }
    if (!nnf_batch_gradient(&job->plan, &job->crew, &batch, job->parameters,
                            job->gradient, &loss)) {
        return false;
    }
    training->n_updates++;
    training->learning_rate = nnf_optim_rate(training);
    if (!nnf_optim_step(&job->optim, &job->plan, &job->crew, training, weight,
                        job->parameters, job->gradient, job->moments, &squares)) {
        training->n_updates--;
        return false;
    }
    loss = (loss * nnf_loss_factor(job->plan.net) + 0.5 * training->alpha * squares) /
           weight;
    epoch->loss += loss * (double)n;
    epoch->rows += n;
    return true;
}

/* One epoch. */

static bool
run_batches(struct job *job, struct epoch *epoch)
{
    size_t n_rows = job->order.n_rows;

    if (!nnf_order_shuffle(&job->order, &job->crew)) {
        return false;
    }
    for (size_t row = 0; row < n_rows; row += job->batch_size) {
        if (!step(job, row, min_size(job->batch_size, n_rows - row), epoch)) {
            return false;
        }
    }
    return true;
}

/* Whether all weights are finite, as far as they were looked at until a stop. */
static bool
is_finite(struct job *job)
{
    const struct nnf_kernels *kernels = job->plan.kernels;
    bool finite = true, stopped = false;

    for (size_t first = 0; first < job->plan.n_parameters && finite && !stopped;
         first += LOOK_AT_ONCE) {
        size_t n = min_size(LOOK_AT_ONCE, job->plan.n_parameters - first);

        finite = kernels->all_finite(n, at(job->parameters, first, kernels->real_size));
        stopped = nnf_crew_spent(&job->crew, LOOK_NANOSECONDS * (double)n);
    }
    return finite;
}

/* Compare with the best so far; NaN is neither better nor worse, as there. */
static void
note_improvement(struct job *job)
{
    struct nnf_training *training = job->training;
    bool stalled;

    if (training->split == NULL) {
        stalled = training->loss > training->best_loss - training->tol;
        if (training->loss < training->best_loss) {
            training->best_loss = training->loss;
        }
    }
    else {
        stalled = training->validation_score < training->best_score + training->tol;
        if (training->validation_score > training->best_score) {
            training->best_score = training->validation_score;
            memcpy(job->best_parameters, job->parameters,
                   job->plan.n_parameters * job->plan.kernels->real_size);
        }
    }
    training->no_improvement = stalled ? training->no_improvement + 1 : 0;
}

/* What follows from an epoch; sets training->stop and returns false when it ends the
 * fit. */
static bool
finish_epoch(struct job *job, enum nnf_event *event)
{
    struct nnf_training *training = job->training;

    *event = NNF_EVENT_NONE;
    if (training->first_bad_epoch == 0 && !is_finite(job)) {
        training->first_bad_epoch = training->n_epochs;
        /* With a score the best epoch's weights are still to be had. */
        if (training->split == NULL) {
            training->stop = NNF_STOP_NOT_FINITE;
            return false;
        }
    }
    note_improvement(job);
    nnf_optim_epoch(training);
    if ((double)training->no_improvement > training->n_iter_no_change) {
        *event = nnf_optim_stalled(training);
        if (*event != NNF_EVENT_LEARNING_RATE_LOWERED) {
            training->stop = NNF_STOP_NO_IMPROVEMENT;
            return false;
        }
        training->no_improvement = 0;
    }
    return true;
}

/* False when the caller wants no more. */
static bool
report_epoch(struct job *job, enum nnf_event event)
{
    const struct nnf_training *training = job->training;
    bool more;

    if (training->note_epoch != NULL &&
        training->note_epoch(training->epoch_context, training) != 0) {
        return false;
    }
    if (training->on_epoch == NULL) {
        return true;
    }
    nnf_crew_leave(&job->crew);
    more = training->on_epoch(training->epoch_context, training, event) == 0;
    nnf_crew_return(&job->crew);
    return more;
}

/* False when the fit has ended. */
static bool
run_epoch(struct job *job)
{
    struct nnf_training *training = job->training;
    struct epoch epoch = {0};
    enum nnf_event event;
    bool more;

    training->stop = NNF_STOP_ASKED;
    if (!run_batches(job, &epoch)) {
        return false;
    }
    if (training->split != NULL &&
        !nnf_scoring_run(&job->scoring, &job->plan, &job->crew, job->parameters,
                         &training->validation_score)) {
        return false;
    }
    training->n_epochs++;
    training->n_seen += job->order.n_rows;
    training->loss = epoch.loss / (double)epoch.rows;
    training->stop = NNF_STOP_MAX_EPOCHS;
    more = finish_epoch(job, &event);
    if (!report_epoch(job, event)) {
        if (training->stop != NNF_STOP_NOT_FINITE) {
            training->stop = NNF_STOP_ASKED;
        }
        return false;
    }
    /* Poll may have said so after the last step. */
    return more && !atomic_load(&job->crew.stopped);
}

/* The fit. */

/* Everything that is done once, before the first epoch. False: stopped. */
static bool
begin_job(struct job *job)
{
    const struct nnf_training *training = job->training;
    const struct nnf_rows all = all_rows(job);

    if (!nnf_order_begin(&job->order, job->data->n_rows, &job->crew)) {
        return false;
    }
    if (training->split != NULL &&
        !nnf_scoring_begin(&job->scoring, &job->plan, &job->crew)) {
        return false;
    }
    return job->resident == NULL ||
           nnf_batch_load(&job->plan, &job->crew, &all, job->resident);
}

void
nnf_train(const struct nnf_net *net, const struct nnf_kernels *kernels,
          struct nnf_training *training, const struct nnf_data *data, void *parameters,
          void *moments, void *best_parameters, void *workspace)
{
    struct job job = {.training = training,
                      .parameters = parameters,
                      .moments = moments,
                      .best_parameters = best_parameters};
    struct arena arena = {.base = workspace};

    training->n_epochs = 0;
    training->first_bad_epoch = 0;
    training->stop = NNF_STOP_ASKED;
    plan_job(&job, net, kernels, training, data, &arena);
    nnf_crew_begin(&job.crew, kernels,
                   3.0 * (double)job.plan.n_parameters * (double)job.batch_size,
                   &training->poll);
    if (begin_job(&job)) {
        while (run_epoch(&job) && training->n_epochs < training->max_epochs) {
        }
    }
    if (atomic_load(&job.crew.stopped) && training->stop != NNF_STOP_NOT_FINITE) {
        training->stop = NNF_STOP_ASKED;
    }
    nnf_crew_end(&job.crew);
}
