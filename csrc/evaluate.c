/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a network gives at a fixed θ: its outputs, and the objective with its gradient;
 * and whether numbers are finite at all.
 */
#include "batch.h"
#include "loss.h"
#include "optim.h"

bool
nnf_all_finite(const struct nnf_kernels *kernels, size_t n, const void *reals)
{
    struct nnf_float_state outside = nnf_float_enter();
    bool finite = kernels->all_finite(n, reals);

    nnf_float_leave(outside);
    return finite;
}

/* Outputs. */

struct prediction {
    struct nnf_crew crew;
    struct nnf_plan plan;
};

static void
plan_prediction(struct prediction *prediction, const struct nnf_net *net,
                const struct nnf_kernels *kernels, const struct nnf_data *data,
                size_t n_threads, struct arena *arena)
{
    nnf_plan_prediction(&prediction->plan, net, kernels, data, arena);
    nnf_team_plan(&prediction->crew.team, n_threads, arena);
}

size_t
nnf_predict_workspace(const struct nnf_net *net, const struct nnf_kernels *kernels,
                      const struct nnf_data *data, size_t n_threads)
{
    struct prediction prediction;
    struct arena arena = {0};

    plan_prediction(&prediction, net, kernels, data, n_threads, &arena);
    return arena.overflow ? 0 : arena.used;
}

bool
nnf_predict(const struct nnf_net *net, const struct nnf_kernels *kernels,
            const void *parameters, const struct nnf_data *data, void *outputs,
            size_t n_threads, const struct nnf_poll *poll, void *workspace)
{
    struct prediction prediction;
    struct arena arena = {.base = workspace};
    const struct nnf_plan *plan = &prediction.plan;
    struct nnf_rows rows = {.data = data};
    bool done = true;

    plan_prediction(&prediction, net, kernels, data, n_threads, &arena);
    nnf_crew_begin(&prediction.crew, kernels,
                   (double)plan->n_parameters * (double)plan->tile_rows, poll);
    for (; rows.first < data->n_rows && done; rows.first += rows.n) {
        const struct nnf_layer *output = &plan->layers[net->n_layers - 1];

        rows.n = min_size(plan->tile_rows, data->n_rows - rows.first);
        done = nnf_batch_forward(plan, &prediction.crew, &rows, parameters);
        if (done) {
            kernels->store_rows(
                rows.n, output->out, output->output, plan->stride,
                at(outputs, rows.first * output->out, kernels->real_size));
        }
    }
    nnf_crew_end(&prediction.crew);
    return done;
}

/* Objective and gradient. */

struct evaluation {
    struct nnf_crew crew;
    struct nnf_plan plan;
    struct nnf_optim optim;
};

static void
plan_evaluation(struct evaluation *evaluation, const struct nnf_net *net,
                const struct nnf_kernels *kernels, const struct nnf_data *data,
                double alpha, size_t n_threads, struct arena *arena)
{
    nnf_plan_training(&evaluation->plan, net, kernels, data, data->n_rows, NULL, arena);
    nnf_optim_plan(&evaluation->optim, &evaluation->plan, alpha, arena);
    nnf_team_plan(&evaluation->crew.team, n_threads, arena);
}

size_t
nnf_gradient_workspace(const struct nnf_net *net, const struct nnf_kernels *kernels,
                       const struct nnf_data *data, size_t n_threads)
{
    struct evaluation evaluation;
    struct arena arena = {0};

    /* Any positive alpha: weights and biases apart need the most. */
    plan_evaluation(&evaluation, net, kernels, data, 1, n_threads, &arena);
    return arena.overflow ? 0 : arena.used;
}

bool
nnf_gradient(const struct nnf_net *net, const struct nnf_kernels *kernels,
             const void *parameters, const struct nnf_data *data, double alpha,
             void *gradient, double *objective, size_t n_threads,
             const struct nnf_poll *poll, void *workspace)
{
    const struct nnf_batch batch = {.rows = {.data = data, .n = data->n_rows}};
    struct evaluation evaluation;
    struct nnf_crew *crew = &evaluation.crew;
    struct arena arena = {.base = workspace};
    double loss, squares, weight;
    bool done;

    plan_evaluation(&evaluation, net, kernels, data, alpha, n_threads, &arena);
    nnf_crew_begin(crew, kernels,
                   3.0 * (double)evaluation.plan.n_parameters * (double)data->n_rows,
                   poll);
    nnf_batch_weight(&batch, crew, &weight);
    done =
        nnf_batch_gradient(&evaluation.plan, crew, &batch, parameters, gradient, &loss);
    if (done) {
        squares = nnf_optim_finish(&evaluation.optim, &evaluation.plan, crew, alpha,
                                   weight, parameters, gradient);
        *objective =
            loss * nnf_loss_factor(net) / weight + 0.5 * alpha * squares / weight;
    }
    nnf_crew_end(crew);
    return done;
}
