/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a network gives for rows of inputs. Each thread takes tiles of its own through
 * it where there are enough of them; else all share one tile after the other. Few rows,
 * which would leave most of a tile empty, are taken one by one. A row's outputs depend
 * on none of this.
 */
#include <string.h>

#include "batch.h"

/* How long each thread works, very roughly, until it waits for the others. */
#define TURN_NANOSECONDS 1e6

struct prediction {
    struct nnf_crew crew;
    struct nnf_plan *plans; /* one a thread, or one for all */
    size_t n_plans;
};

/* Whether neither loading a tile nor one of its layers takes longer than from one poll
 * to the next. */
static bool
are_tiles_short(const struct nnf_plan *plan)
{
    double load = (double)plan->widest * NNF_FETCH_WORK;
    double longest = load > plan->largest_layer ? load : plan->largest_layer;

    return longest * (double)plan->tile_rows <= plan->kernels->poll_work;
}

/* Plans for a prediction of which that is the only one. The threads share a tile also
 * where it is long: it is loaded without a poll. */
static size_t
count_plans(const struct nnf_plan *plan, size_t n_rows, size_t n_threads)
{
    bool enough = nnf_plan_tiles(plan, n_rows) >= n_threads;

    return enough && are_tiles_short(plan) ? n_threads : 1;
}

static void
plan_prediction(struct prediction *prediction, const struct nnf_net *net,
                const struct nnf_kernels *kernels, const struct nnf_data *data,
                size_t n_threads, struct arena *arena)
{
    struct arena apart = {0};
    struct nnf_plan plan;
    size_t rows;

    nnf_plan_prediction(&plan, net, kernels, data, data->n_rows, &apart);
    nnf_crew_plan(&prediction->crew, n_threads, plan.packed, arena);
    prediction->n_plans =
        count_plans(&plan, data->n_rows, prediction->crew.team.n_threads);
    prediction->plans = arena_take(arena, prediction->n_plans, sizeof plan);
    rows = ceil_div(data->n_rows, prediction->n_plans);
    for (size_t i = 0; i < prediction->n_plans; i++) {
        nnf_plan_prediction(&plan, net, kernels, data, rows, arena);
        if (prediction->plans != NULL) {
            prediction->plans[i] = plan;
        }
    }
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

/* The last layer's outputs of a tile's rows to where they belong. */
static void
store(const struct nnf_plan *plan, const struct nnf_rows *rows, void *outputs)
{
    const struct nnf_layer *last = &plan->layers[plan->net->n_layers - 1];

    plan->kernels->store_rows(
        rows->n, last->out, last->output, plan->stride,
        at(outputs, rows->first * last->out, plan->kernels->real_size));
}

/* Row by row, with units on the lanes. */

/* Where polls have to come within a layer, tiles are for few rows too. */
static bool
are_few(const struct nnf_plan *plan, size_t n_rows)
{
    return !plan->sparse && 2 * n_rows <= plan->kernels->lanes && are_tiles_short(plan);
}

/* One layer's outputs of a row, at the begin of its tile. */
static void
forward_row(const struct nnf_plan *plan, const struct nnf_layer *layer,
            const void *parameters, const void *input)
{
    const struct nnf_kernels *kernels = plan->kernels;
    const struct nnf_entries row = {.count = layer->in, .values = input};
    size_t size = kernels->real_size;

    kernels->row_forward(layer->in, layer->out, &row,
                         at_const(parameters, layer->weights, size),
                         at_const(parameters, layer->biases, size), layer->output);
    if (!layer->whole) {
        size_t whole = round_up(layer->out, kernels->lanes);

        memset(at(layer->output, layer->out, size), 0, (whole - layer->out) * size);
        layer->activation->forward(1, whole, layer->output, plan->stride);
    }
}

/* An activation of whole samples wants them on the lanes: by way of the tile of inputs,
 * which has room for outputs too. */
static void
activate_whole(const struct nnf_plan *plan, const struct nnf_layer *layer,
               void *outputs)
{
    const struct nnf_kernels *kernels = plan->kernels;
    void *tile = plan->tile.input;

    kernels->load_rows(1, layer->out, layer->output, NULL, tile, plan->stride);
    layer->activation->forward(layer->out, kernels->lanes, tile, plan->stride);
    kernels->store_rows(1, layer->out, tile, plan->stride, outputs);
}

static bool
predict_one_by_one(struct prediction *prediction, const void *parameters,
                   const struct nnf_data *data, void *outputs)
{
    const struct nnf_plan *plan = &prediction->plans[0];
    const struct nnf_layer *last = &plan->layers[plan->net->n_layers - 1];
    size_t size = plan->kernels->real_size;

    for (size_t i = 0; i < data->n_rows; i++) {
        const void *input = at_const(data->inputs, i * plan->layers[0].in, size);
        void *output = at(outputs, i * last->out, size);

        for (const struct nnf_layer *layer = plan->layers; layer <= last; layer++) {
            forward_row(plan, layer, parameters, input);
            input = layer->output;
            if (nnf_crew_stopped(&prediction->crew, 0,
                                 (double)layer->in * (double)layer->out *
                                     (1 + NNF_FETCH_WORK))) {
                return false;
            }
        }
        if (last->whole) {
            activate_whole(plan, last, output);
        }
        else {
            plan->kernels->store_row(last->out, last->output, output);
        }
    }
    return true;
}

/* All threads on each tile. False: stopped, as in what follows. */
static bool
predict_in_turn(struct prediction *prediction, const void *parameters,
                const struct nnf_data *data, void *outputs)
{
    const struct nnf_plan *plan = &prediction->plans[0];
    const struct nnf_rows all = {.data = data, .n = data->n_rows};

    for (size_t t = 0; t < nnf_plan_tiles(plan, all.n); t++) {
        const struct nnf_rows rows = nnf_plan_tile_rows(plan, &all, t);

        if (!nnf_batch_forward(plan, &prediction->crew, &rows, parameters)) {
            return false;
        }
        store(plan, &rows, outputs);
    }
    return true;
}

/* Tiles for each thread. */

struct tiles_task {
    struct prediction *prediction;
    const void *parameters;
    const struct nnf_data *data;
    void *outputs;
    size_t begin, end; /* tiles to work on */
};

static void
work_on_tiles(void *context, const struct nnf_part *part)
{
    const struct tiles_task *task = context;
    const struct nnf_plan *plan = &task->prediction->plans[part->share];
    const struct nnf_rows all = {.data = task->data, .n = task->data->n_rows};
    struct nnf_tile tile = {.input = plan->tile.input};
    struct nnf_crew *crew = &task->prediction->crew;
    struct nnf_span span = {
        .tile = &tile,
        .crew = crew,
        .worker = part->worker,
        .room = nnf_crew_room(crew, part->share),
    };
    size_t first, last;

    nnf_share(task->end - task->begin, part, &first, &last);
    for (size_t t = task->begin + first; t < task->begin + last; t++) {
        tile.rows = nnf_plan_tile_rows(plan, &all, t);
        span.n = nnf_plan_whole(plan, tile.rows.n);
        if (!nnf_pass_load(plan, &span) ||
            !nnf_pass_forward(plan, task->parameters, &span, NULL)) {
            return;
        }
        store(plan, &tile.rows, task->outputs);
    }
}

static bool
predict_side_by_side(struct prediction *prediction, const void *parameters,
                     const struct nnf_data *data, void *outputs)
{
    const struct nnf_plan *plan = &prediction->plans[0];
    struct nnf_crew *crew = &prediction->crew;
    double work = (plan->work.load + plan->work.forward) * (double)plan->tile_rows;
    double each = nnf_crew_time(crew, TURN_NANOSECONDS) / work + 1;
    size_t n_tiles = nnf_plan_tiles(plan, data->n_rows);
    size_t turn = (size_t)each * prediction->n_plans;
    struct tiles_task task = {prediction, parameters, data, outputs, 0, 0};

    for (; task.begin < n_tiles; task.begin = task.end) {
        size_t n_workers;

        task.end = task.begin + min_size(turn, n_tiles - task.begin);
        nnf_crew_beat(crew);
        n_workers = nnf_crew_workers(crew, work * (double)(task.end - task.begin));
        if (!nnf_crew_run(crew, n_workers, work_on_tiles, &task)) {
            return false;
        }
    }
    return true;
}

bool
nnf_predict(const struct nnf_net *net, const struct nnf_kernels *kernels,
            const void *parameters, const struct nnf_data *data, void *outputs,
            size_t n_threads, const struct nnf_poll *poll, void *workspace)
{
    struct prediction prediction;
    struct arena arena = {.base = workspace};
    const struct nnf_plan *plan;
    bool done;

    plan_prediction(&prediction, net, kernels, data, n_threads, &arena);
    plan = &prediction.plans[0];
    nnf_crew_begin(&prediction.crew, kernels,
                   (double)plan->n_parameters * (double)plan->tile_rows, poll);
    if (are_few(plan, data->n_rows)) {
        done = predict_one_by_one(&prediction, parameters, data, outputs);
    }
    else if (prediction.n_plans == 1) {
        done = predict_in_turn(&prediction, parameters, data, outputs);
    }
    else {
        done = predict_side_by_side(&prediction, parameters, data, outputs);
    }
    nnf_crew_end(&prediction.crew);
    return done;
}

void
nnf_complement(enum nnf_real real, size_t n, const void *outputs, void *complements)
{
    if (real == NNF_FLOAT64) {
        const double *from = outputs;
        double *to = complements;

        for (size_t i = 0; i < n; i++) {
            to[i] = 1 - from[i];
        }
    }
    else {
        const float *from = outputs;
        float *to = complements;

        for (size_t i = 0; i < n; i++) {
            to[i] = 1 - from[i];
        }
    }
}
