/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a network gives at a fixed θ: its outputs, and the objective with its gradient.
 */
#include "batch.h"
#include "loss.h"
#include "optim.h"

/* Outputs. */

struct prediction {
    struct nnf_crew crew;
    struct nnf_plan plan;
};

static void
plan_prediction(struct prediction *prediction, const struct nnf_net *net,
                const struct nnf_kernels *kernels, size_t n_rows, size_t n_threads,
                struct arena *arena)
{
    nnf_plan_prediction(&prediction->plan, net, kernels, n_rows, arena);
    nnf_team_plan(&prediction->crew.team, n_threads, arena);
}

size_t
nnf_predict_workspace(const struct nnf_net *net, const struct nnf_kernels *kernels,
                      size_t n_rows, size_t n_threads)
{
    struct prediction prediction;
    struct arena arena = {0};

    plan_prediction(&prediction, net, kernels, n_rows, n_threads, &arena);
    return arena.overflow ? 0 : arena.used;
}

bool
nnf_predict(const struct nnf_net *net, const struct nnf_kernels *kernels,
            const void *parameters, size_t n_rows, const void *inputs, void *outputs,
            size_t n_threads, const struct nnf_poll *poll, void *workspace)
{
    const struct nnf_data data = {.n_rows = n_rows, .inputs = inputs};
    struct prediction prediction;
    struct arena arena = {.base = workspace};
    const struct nnf_plan *plan = &prediction.plan;
    bool done = true;

    plan_prediction(&prediction, net, kernels, n_rows, n_threads, &arena);
    nnf_crew_begin(&prediction.crew, kernels, poll);
    for (size_t row = 0; row < n_rows && done; row += plan->tile_rows) {
        const struct nnf_layer *output = &plan->layers[net->n_layers - 1];
        size_t n = min_size(plan->tile_rows, n_rows - row);

        done = nnf_batch_forward(plan, &prediction.crew, &data, row, n, parameters);
        if (done) {
            kernels->store_rows(n, output->out, output->output, plan->stride,
                                at(outputs, row * output->out, kernels->real_size));
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
                const struct nnf_kernels *kernels, size_t n_rows, double alpha,
                size_t n_threads, struct arena *arena)
{
    nnf_plan_training(&evaluation->plan, net, kernels, n_rows, NULL, arena);
    nnf_optim_plan(&evaluation->optim, &evaluation->plan, alpha, arena);
    nnf_team_plan(&evaluation->crew.team, n_threads, arena);
}

size_t
nnf_gradient_workspace(const struct nnf_net *net, const struct nnf_kernels *kernels,
                       size_t n_rows, size_t n_threads)
{
    struct evaluation evaluation;
    struct arena arena = {0};

    /* Any positive alpha: weights and biases apart need the most. */
    plan_evaluation(&evaluation, net, kernels, n_rows, 1, n_threads, &arena);
    return arena.overflow ? 0 : arena.used;
}

bool
nnf_gradient(const struct nnf_net *net, const struct nnf_kernels *kernels,
             const void *parameters, const struct nnf_data *data, double alpha,
             void *gradient, double *objective, size_t n_threads,
             const struct nnf_poll *poll, void *workspace)
{
    const struct nnf_batch batch = {.data = data, .n = data->n_rows};
    struct evaluation evaluation;
    struct nnf_crew *crew = &evaluation.crew;
    struct arena arena = {.base = workspace};
    double loss, squares, weight;
    bool done;

    plan_evaluation(&evaluation, net, kernels, data->n_rows, alpha, n_threads, &arena);
    nnf_crew_begin(crew, kernels, poll);
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
