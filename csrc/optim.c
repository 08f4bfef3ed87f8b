/* SPDX-License-Identifier: BSD-3-Clause */
#include "optim.h"

#include <math.h>
#include <string.h>

/* Long enough to hide a call, short enough to share evenly. */
#define RUN_LENGTH ((size_t)8192)

/* So many parameters are a single run. */
#define SMALL ((size_t)1024)
_Static_assert(SMALL <= RUN_LENGTH, "each parameter's decay is one of a single run");

/* A step on one parameter that is fetched from memory. As work to be shared it counts
 * twice, for it is counted more exactly than products are. */
#define STEP_NANOSECONDS 1.0

/* So many runs are stepped between two polls: four million parameters. A network that
 * has more is in no cache, and is touched for the first time in the first step. */
#define RUNS_AT_ONCE ((size_t)512)
#define LARGE_STEP_NANOSECONDS 8.0

/* e to this power, negated, is nothing beside 1. */
#define VANISHED 42.0

/* Below this rate the adaptive schedule gives up, as scikit-learn's does. */
#define SMALLEST_RATE 1e-6

size_t
nnf_solver_moments(enum nnf_solver solver)
{
    return solver == NNF_ADAM ? 2 : 1;
}

static bool
is_small(const struct nnf_plan *plan)
{
    return plan->n_parameters <= SMALL;
}

/* The runs that `count` entries from `begin` on make; returns where the next go. */
static struct nnf_run *
add_runs(struct nnf_run *runs, size_t begin, size_t count, bool decays)
{
    for (size_t done = 0; done < count; done += RUN_LENGTH) {
        *runs++ =
            (struct nnf_run){begin + done, min_size(RUN_LENGTH, count - done), decays};
    }
    return runs;
}

static void
lay_runs(struct nnf_run *runs, const struct nnf_plan *plan, double alpha)
{
    const size_t *widths = plan->net->widths;
    size_t begin = 0;

    if (alpha == 0 || is_small(plan)) {
        add_runs(runs, 0, plan->n_parameters, alpha != 0);
        return;
    }
    for (size_t l = 0; l < plan->net->n_layers; l++) {
        size_t weights = widths[l] * widths[l + 1];

        runs = add_runs(runs, begin, weights, true);
        runs = add_runs(runs, begin + weights, widths[l + 1], false);
        begin += weights + widths[l + 1];
    }
}

static size_t
count_runs(const struct nnf_plan *plan, double alpha)
{
    const size_t *widths = plan->net->widths;
    size_t n_runs = 0;

    if (alpha == 0 || is_small(plan)) {
        return ceil_div(plan->n_parameters, RUN_LENGTH);
    }
    for (size_t l = 0; l < plan->net->n_layers; l++) {
        n_runs += ceil_div(widths[l] * widths[l + 1], RUN_LENGTH);
        n_runs += ceil_div(widths[l + 1], RUN_LENGTH);
    }
    return n_runs;
}

/* Each parameter's decay. */
static void
lay_decays(void *decays, const struct nnf_plan *plan, double alpha)
{
    const struct nnf_kernels *kernels = plan->kernels;

    memset(decays, 0, plan->n_parameters * kernels->real_size);
    for (size_t l = 0; l < plan->net->n_layers; l++) {
        for (size_t i = plan->layers[l].weights; i < plan->layers[l].biases; i++) {
            put_real(kernels->real, decays, i, alpha);
        }
    }
}

void
nnf_optim_plan(struct nnf_optim *optim, const struct nnf_plan *plan, double alpha,
               struct arena *arena)
{
    optim->n_runs = count_runs(plan, alpha);
    optim->runs = arena_take(arena, optim->n_runs, sizeof(struct nnf_run));
    optim->squares = arena_take(arena, optim->n_runs, sizeof(double));
    if (optim->runs != NULL) {
        lay_runs(optim->runs, plan, alpha);
    }
    optim->decays = NULL;
    if (alpha != 0 && is_small(plan)) {
        optim->decays = arena_take(arena, plan->n_parameters, plan->kernels->real_size);
    }
    if (optim->decays != NULL) {
        lay_decays(optim->decays, plan, alpha);
    }
}

/* 1 - beta^t, which is at most e^-((1 - beta) t): from some t on, 1. */
static double
bias_correction(double beta, double t)
{
    return (1 - beta) * t > VANISHED ? 1 : 1 - pow(beta, t);
}

double
nnf_optim_rate(const struct nnf_training *training)
{
    double t = (double)training->n_updates;

    if (training->solver != NNF_ADAM) {
        return training->learning_rate;
    }
    return training->learning_rate_init * sqrt(bias_correction(training->beta_2, t)) /
           bias_correction(training->beta_1, t);
}

/* What is done to every run: a solver's step, or finishing the gradient. */
struct run_task {
    const struct nnf_optim *optim;
    const struct nnf_plan *plan;
    size_t begin, end;                   /* runs to work on */
    const struct nnf_training *training; /* null: finish the gradient */
    struct nnf_update update;
    double alpha;
    void *parameters; /* read only when finishing */
    void *gradient;   /* read only when stepping */
    void *moments;
};

static void
work_on_runs(void *context, const struct nnf_part *part)
{
    const struct run_task *task = context;
    const struct nnf_kernels *kernels = task->plan->kernels;
    size_t size = kernels->real_size, first, last;
    struct nnf_update update = task->update;

    nnf_share(task->end - task->begin, part, &first, &last);
    for (size_t i = task->begin + first; i < task->begin + last; i++) {
        const struct nnf_run *run = &task->optim->runs[i];
        void *parameters = at(task->parameters, run->begin, size);
        void *gradient = at(task->gradient, run->begin, size);
        double squares;

        update.decay = run->decays ? task->alpha : 0;
        if (task->training == NULL) {
            squares =
                kernels->finish_gradient(run->count, parameters, gradient, &update);
        }
        else {
            squares = kernels->solvers[task->training->solver](
                run->count, parameters, gradient, at(task->moments, run->begin, size),
                task->plan->n_parameters, &update);
        }
        task->optim->squares[i] = run->decays ? squares : 0;
    }
}

/* Run the task; *squares: the sum of the weights' squares. Work is counted when it is
 * done: θ is whole again only then. False: stopped in between, in a large network. */
static bool
run_all(struct run_task *task, struct nnf_crew *crew, double *squares)
{
    size_t n_runs = task->optim->n_runs;
    double nanoseconds =
        n_runs > RUNS_AT_ONCE ? LARGE_STEP_NANOSECONDS : STEP_NANOSECONDS;
    bool stopped = false;

    *squares = 0;
    for (; task->begin < n_runs && !stopped; task->begin = task->end) {
        size_t parameters;
        double work;

        task->end = min_size(n_runs, task->begin + RUNS_AT_ONCE);
        parameters =
            min_size(task->plan->n_parameters, (task->end - task->begin) * RUN_LENGTH);
        work = nnf_crew_time(crew, STEP_NANOSECONDS) * (double)parameters;
        nnf_team_run(&crew->team, nnf_crew_workers(crew, 2 * work), work_on_runs, task);
        for (size_t i = task->begin; i < task->end; i++) {
            *squares += task->optim->squares[i];
        }
        stopped = nnf_crew_spent(crew, nanoseconds * (double)parameters);
    }
    return task->begin == n_runs;
}

bool
nnf_optim_step(const struct nnf_optim *optim, const struct nnf_plan *plan,
               struct nnf_crew *crew, const struct nnf_training *training,
               double weight, void *parameters, void *gradient, void *moments,
               double *squares)
{
    struct run_task task = {
        .optim = optim,
        .plan = plan,
        .training = training,
        .update = {.scale = 1 / weight,
                   .decays = optim->decays,
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

    return run_all(&task, crew, squares);
}

bool
nnf_optim_finish(const struct nnf_optim *optim, const struct nnf_plan *plan,
                 struct nnf_crew *crew, double alpha, double weight,
                 const void *parameters, void *gradient, double *squares)
{
    struct run_task task = {
        .optim = optim,
        .plan = plan,
        .update = {.scale = 1 / weight, .decays = optim->decays},
        .alpha = alpha,
        .parameters = (void *)parameters,
        .gradient = gradient,
    };

    return run_all(&task, crew, squares);
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
