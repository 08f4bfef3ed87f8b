/* SPDX-License-Identifier: BSD-3-Clause */
#include "batch.h"

void
nnf_crew_begin(struct nnf_crew *crew)
{
    crew->work = 0;
    crew->outside = nnf_float_enter();
    nnf_team_start(&crew->team);
}

void
nnf_crew_end(struct nnf_crew *crew)
{
    nnf_team_stop(&crew->team);
    nnf_float_leave(crew->outside);
}

bool
nnf_crew_stopped(struct nnf_crew *crew, const struct nnf_kernels *kernels, double work)
{
    bool stop;

    crew->work += work;
    if (crew->work < kernels->poll_work * (double)crew->team.n_workers) {
        return false;
    }
    crew->work = 0;
    if (crew->poll->call == NULL) {
        return false;
    }
    nnf_float_leave(crew->outside);
    stop = crew->poll->call(crew->poll->context) != 0;
    crew->outside = nnf_float_enter();
    return stop;
}

size_t
nnf_crew_samples(const struct nnf_crew *crew, const struct nnf_plan *plan)
{
    double workers = (double)crew->team.n_workers;
    double samples = plan->kernels->poll_work * workers / plan->row_work;
    size_t least = 4 * plan->kernels->lanes * crew->team.n_workers;

    if (samples >= (double)plan->tile_rows) {
        return plan->tile_rows;
    }
    return round_up(max_size((size_t)samples, least), plan->kernels->lanes);
}

double
nnf_batch_weight(const struct nnf_batch *batch, enum nnf_real real)
{
    const void *weights = batch->data->weights;
    double sum = 0;

    if (weights == NULL) {
        return (double)batch->n;
    }
    for (size_t i = 0; i < batch->n; i++) {
        size_t row = batch->order == NULL ? i : batch->order[i];

        sum += real == NNF_FLOAT64 ? ((const double *)weights)[row]
                                   : (double)((const float *)weights)[row];
    }
    return sum;
}

/* Samples: load, forward, backward. */

struct samples_task {
    const struct nnf_plan *plan;
    const struct nnf_batch *batch;
    const void *parameters; /* null: load only */
    const struct nnf_tile *tile;
    bool load;
    size_t row;        /* of the batch, at the tile's first sample */
    size_t n;          /* rows in the tile */
    size_t begin, end; /* samples of the tile to work on */
};

static void
work_on_samples(void *context, size_t worker, size_t n_workers)
{
    const struct samples_task *task = context;
    const struct nnf_plan *plan = task->plan;
    const struct nnf_batch *batch = task->batch;
    size_t lanes = plan->kernels->lanes, first, last, n;

    nnf_share((task->end - task->begin) / lanes, worker, n_workers, &first, &last);
    n = (last - first) * lanes;
    first = task->begin + first * lanes;
    if (n == 0) {
        return;
    }
    if (task->load) {
        const size_t *order = batch->order;
        size_t row = task->row + first;

        nnf_pass_load(plan, batch->data, order == NULL ? NULL : order + row, row,
                      min_size(n, task->n - first), task->tile, first);
    }
    if (task->parameters == NULL) {
        return;
    }
    if (batch->dropout != NULL) {
        struct nnf_dropout dropout = *batch->dropout;

        dropout.row = task->row;
        nnf_pass_forward_training(plan, task->parameters, task->tile, first, n,
                                  &dropout);
    }
    else {
        nnf_pass_forward_training(plan, task->parameters, task->tile, first, n, NULL);
    }
    nnf_pass_backward(plan, task->parameters, task->tile, first, n);
}

/* All samples of one tile. False: stopped. */
static bool
run_samples(struct samples_task *task, struct nnf_crew *crew)
{
    const struct nnf_plan *plan = task->plan;
    size_t all = round_up(task->n, plan->kernels->lanes);
    size_t at_once = nnf_crew_samples(crew, plan);
    double row_work = task->parameters == NULL ? (double)plan->net->widths[0]
                                               : plan->row_work * (2.0 / 3.0);

    for (task->begin = 0; task->begin < all; task->begin = task->end) {
        task->end = min_size(all, task->begin + at_once);
        nnf_team_run(&crew->team, work_on_samples, task);
        if (nnf_crew_stopped(crew, plan->kernels,
                             row_work * (double)(task->end - task->begin))) {
            return false;
        }
    }
    return true;
}

/* The gradient: entries of θ. */

struct gradient_task {
    const struct nnf_plan *plan;
    const struct nnf_tile *tile;
    size_t n;
    size_t begin, end; /* entries of θ to work on */
    void *gradient;
    bool accumulate;
};

static void
work_on_gradient(void *context, size_t worker, size_t n_workers)
{
    const struct gradient_task *task = context;
    size_t first, last;

    nnf_share(task->end - task->begin, worker, n_workers, &first, &last);
    nnf_pass_gradient(task->plan, task->tile, task->n, task->begin + first,
                      task->begin + last, task->gradient, task->accumulate);
}

static bool
run_gradient(struct gradient_task *task, struct nnf_crew *crew)
{
    const struct nnf_plan *plan = task->plan;
    double workers = (double)crew->team.n_workers;
    double entries = plan->kernels->poll_work * workers / (double)task->n;
    size_t size = plan->n_parameters;
    size_t at_once = entries < (double)size ? (size_t)entries + 1 : size;

    for (task->begin = 0; task->begin < size; task->begin = task->end) {
        task->end = at_once < size - task->begin ? task->begin + at_once : size;
        nnf_team_run(&crew->team, work_on_gradient, task);
        if (nnf_crew_stopped(crew, plan->kernels,
                             (double)(task->end - task->begin) * (double)task->n)) {
            return false;
        }
    }
    return true;
}

/* The batch. */

size_t
nnf_batch_tiles(const struct nnf_plan *plan, size_t n)
{
    return ceil_div(n, plan->tile_rows);
}

bool
nnf_batch_gradient(const struct nnf_plan *plan, struct nnf_crew *crew,
                   const struct nnf_batch *batch, const void *parameters,
                   void *gradient, double *loss)
{
    size_t n_tiles = nnf_batch_tiles(plan, batch->n);

    *loss = 0;
    for (size_t t = 0; t < n_tiles; t++) {
        const struct nnf_tile *tile =
            batch->resident == NULL ? &plan->tile : &batch->resident[t];
        size_t row = t * plan->tile_rows;
        size_t n = min_size(plan->tile_rows, batch->n - row);
        struct samples_task samples = {.plan = plan,
                                       .batch = batch,
                                       .parameters = parameters,
                                       .tile = tile,
                                       .load = batch->resident == NULL,
                                       .row = row,
                                       .n = n};
        struct gradient_task gradients = {.plan = plan,
                                          .tile = tile,
                                          .n = round_up(n, plan->kernels->lanes),
                                          .gradient = gradient,
                                          .accumulate = t > 0};

        if (!run_samples(&samples, crew)) {
            return false;
        }
        *loss += plan->kernels->sum(gradients.n, plan->values);
        if (!run_gradient(&gradients, crew)) {
            return false;
        }
    }
    return true;
}

struct forward_task {
    const struct nnf_plan *plan;
    const struct nnf_data *data;
    const void *parameters;
    size_t row, n;
    size_t begin, end;
};

static void
work_on_forward(void *context, size_t worker, size_t n_workers)
{
    const struct forward_task *task = context;
    const struct nnf_tile tile = {.input = task->plan->tile.input};
    size_t lanes = task->plan->kernels->lanes, first, last, n;

    nnf_share((task->end - task->begin) / lanes, worker, n_workers, &first, &last);
    n = (last - first) * lanes;
    first = task->begin + first * lanes;
    if (n > 0) {
        nnf_pass_load(task->plan, task->data, NULL, task->row + first,
                      min_size(n, task->n - first), &tile, first);
        nnf_pass_forward(task->plan, task->parameters, &tile, first, n);
    }
}

bool
nnf_batch_forward(const struct nnf_plan *plan, struct nnf_crew *crew,
                  const struct nnf_data *data, size_t row, size_t n,
                  const void *parameters)
{
    struct forward_task task = {plan, data, parameters, row, n, 0, 0};
    size_t all = round_up(n, plan->kernels->lanes);
    size_t at_once = nnf_crew_samples(crew, plan);

    for (task.begin = 0; task.begin < all; task.begin = task.end) {
        task.end = min_size(all, task.begin + at_once);
        nnf_team_run(&crew->team, work_on_forward, &task);
        if (nnf_crew_stopped(crew, plan->kernels,
                             plan->row_work / 3 * (double)(task.end - task.begin))) {
            return false;
        }
    }
    return true;
}

struct nnf_tile *
nnf_batch_plan_resident(const struct nnf_plan *plan, size_t n, struct arena *arena)
{
    const struct nnf_net *net = plan->net;
    size_t size = plan->kernels->real_size, n_tiles = nnf_batch_tiles(plan, n);
    struct nnf_tile *tiles = arena_take(arena, n_tiles, sizeof(struct nnf_tile));

    for (size_t t = 0; t < n_tiles && !arena->overflow; t++) {
        struct nnf_tile tile = {
            .input = arena_take(arena, net->widths[0] * size, plan->stride),
            .targets =
                arena_take(arena, net->widths[net->n_layers] * size, plan->stride),
            .weights = arena_take(arena, size, plan->stride),
        };

        if (tiles != NULL) {
            tiles[t] = tile;
        }
    }
    return tiles;
}

bool
nnf_batch_load(const struct nnf_plan *plan, struct nnf_crew *crew,
               const struct nnf_batch *batch)
{
    for (size_t t = 0; t < nnf_batch_tiles(plan, batch->n); t++) {
        size_t row = t * plan->tile_rows;
        struct samples_task task = {.plan = plan,
                                    .batch = batch,
                                    .tile = &batch->resident[t],
                                    .load = true,
                                    .row = row,
                                    .n = min_size(plan->tile_rows, batch->n - row)};

        if (!run_samples(&task, crew)) {
            return false;
        }
    }
    return true;
}
