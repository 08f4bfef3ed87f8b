/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The objective at a fixed θ, with its gradient; and whether numbers are finite at all.
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
    nnf_crew_plan(&evaluation->crew, n_threads, evaluation->plan.packed, arena);
}

size_t
nnf_gradient_workspace(const struct nnf_net *net, const struct nnf_kernels *kernels,
                       const struct nnf_data *data, size_t n_threads)
{
    struct evaluation evaluation;
    struct arena arena = {0};

    /* Any positive alpha: to tell weights from biases needs the most. */
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
    done = done && nnf_optim_finish(&evaluation.optim, &evaluation.plan, crew, alpha,
                                    weight, parameters, gradient, &squares);
    if (done) {
        *objective =
            loss * nnf_loss_factor(net) / weight + 0.5 * alpha * squares / weight;
    }
    nnf_crew_end(crew);
    return done;
}
