/* SPDX-License-Identifier: BSD-3-Clause */
#include "optim.h"

#include <math.h>

/* Long enough to hide a call, short enough to share evenly. */
#define RUN_LENGTH ((size_t)8192)

/* Below this rate the adaptive schedule gives up, as scikit-learn's does. */
#define SMALLEST_RATE 1e-6

size_t
nnf_solver_moments(enum nnf_solver solver)
{
    return solver == NNF_ADAM ? 2 : 1;
}

static size_t
add_runs(struct nnf_run *runs, size_t n_runs, size_t begin, size_t count, bool decays)
{
    for (size_t done = 0; done < count; done += RUN_LENGTH, n_runs++) {
        if (runs != NULL) {
            runs[n_runs] = (struct nnf_run){begin + done,
                                            min_size(RUN_LENGTH, count - done), decays};
        }
    }
    return n_runs;
}

static size_t
lay_runs(struct nnf_run *runs, const struct nnf_plan *plan, double alpha)
{
    size_t begin = 0, n_runs = 0;

    if (alpha == 0) {
        return add_runs(runs, 0, 0, plan->n_parameters, false);
    }
    for (size_t l = 0; l < plan->net->n_layers; l++) {
        size_t weights = plan->net->widths[l] * plan->net->widths[l + 1];

        n_runs = add_runs(runs, n_runs, begin, weights, true);
        begin += weights;
        n_runs = add_runs(runs, n_runs, begin, plan->net->widths[l + 1], false);
        begin += plan->net->widths[l + 1];
    }
    return n_runs;
}

void
nnf_optim_plan(struct nnf_optim *optim, const struct nnf_plan *plan, double alpha,
               struct arena *arena)
{
    optim->n_runs = lay_runs(NULL, plan, alpha);
    optim->runs = arena_take(arena, optim->n_runs, sizeof(struct nnf_run));
    optim->squares = arena_take(arena, optim->n_runs, sizeof(double));
    if (optim->runs != NULL) {
        lay_runs(optim->runs, plan, alpha);
    }
}

double
nnf_optim_rate(const struct nnf_training *training)
{
    double t = (double)training->n_updates;

    if (training->solver != NNF_ADAM) {
        return training->learning_rate;
    }
    return training->learning_rate_init * sqrt(1 - pow(training->beta_2, t)) /
           (1 - pow(training->beta_1, t));
}

struct step_task {
    const struct nnf_optim *optim;
    const struct nnf_plan *plan;
    enum nnf_solver solver;
    struct nnf_update update;
    double alpha;
    void *parameters;
    const void *gradient;
    void *moments;
};

static void
work_on_runs(void *context, size_t worker, size_t n_workers)
{
    const struct step_task *task = context;
    const struct nnf_kernels *kernels = task->plan->kernels;
    struct nnf_update update = task->update;
    size_t first, last;

    nnf_share(task->optim->n_runs, worker, n_workers, &first, &last);
    for (size_t i = first; i < last; i++) {
        const struct nnf_run *run = &task->optim->runs[i];
        double squares;

        update.decay = run->decays ? task->alpha : 0;
        squares = kernels->solvers[task->solver](
            run->count, at(task->parameters, run->begin, kernels->real_size),
            at_const(task->gradient, run->begin, kernels->real_size),
            at(task->moments, run->begin, kernels->real_size), task->plan->n_parameters,
            &update);
        task->optim->squares[i] = run->decays ? squares : 0;
    }
}

static double
sum_squares(const struct nnf_optim *optim)
{
    double sum = 0;

    for (size_t i = 0; i < optim->n_runs; i++) {
        sum += optim->squares[i];
    }
    return sum;
}

double
nnf_optim_step(const struct nnf_optim *optim, const struct nnf_plan *plan,
               struct nnf_crew *crew, const struct nnf_training *training,
               double weight, void *parameters, const void *gradient, void *moments)
{
    struct step_task task = {
        .optim = optim,
        .plan = plan,
        .solver = training->solver,
        .update = {.scale = 1 / weight,
                   .learning_rate = training->learning_rate,
                   .momentum = training->momentum,
                   .nesterov = training->nesterov,
                   .beta_1 = training->beta_1,
                   .beta_2 = training->beta_2,
                   .epsilon = training->epsilon},
        .alpha = training->alpha,
        .parameters = parameters,
        .gradient = gradient,
        .moments = moments,
    };

    nnf_team_run(&crew->team, work_on_runs, &task);
    return sum_squares(optim);
}

double
nnf_optim_finish(const struct nnf_optim *optim, const struct nnf_plan *plan,
                 double alpha, double weight, const void *parameters, void *gradient)
{
    size_t size = plan->kernels->real_size;

    for (size_t i = 0; i < optim->n_runs; i++) {
        const struct nnf_run *run = &optim->runs[i];
        const struct nnf_update update = {.scale = 1 / weight,
                                          .decay = run->decays ? alpha : 0};
        double squares = plan->kernels->finish_gradient(
            run->count, at_const(parameters, run->begin, size),
            at(gradient, run->begin, size), &update);

        optim->squares[i] = run->decays ? squares : 0;
    }
    return sum_squares(optim);
}

enum nnf_event
nnf_optim_stalled(struct nnf_training *training)
{
    if (training->solver != NNF_SGD || training->schedule != NNF_ADAPTIVE) {
        return NNF_EVENT_STOP;
    }
    if (training->learning_rate <= SMALLEST_RATE) {
        return NNF_EVENT_LEARNING_RATE_TOO_SMALL;
    }
    training->learning_rate /= 5;
    return NNF_EVENT_LEARNING_RATE_LOWERED;
}

void
nnf_optim_epoch(struct nnf_training *training)
{
    if (training->solver == NNF_SGD && training->schedule == NNF_INVSCALING) {
        training->learning_rate = training->learning_rate_init /
                                  pow((double)training->n_seen + 1, training->power_t);
    }
}
