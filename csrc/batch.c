/* SPDX-License-Identifier: BSD-3-Clause */
#include "batch.h"

#include "sparse.h"

/* Summing a weight, of a row that lies anywhere. */
#define WEIGHT_NANOSECONDS 20.0
#define WEIGHTS_AT_ONCE ((size_t)1024 * 1024)

bool
nnf_batch_weight(const struct nnf_batch *batch, struct nnf_crew *crew, double *weight)
{
    const struct nnf_rows *rows = &batch->rows;
    const void *weights = rows->data->weights;
    bool counts = false, stopped = false;

    *weight = (double)rows->n;
    if (weights == NULL) {
        return true;
    }
    *weight = 0;
    for (size_t first = 0, last; first < rows->n && !stopped; first = last) {
        last = min_size(rows->n, first + WEIGHTS_AT_ONCE);
        for (size_t i = first; i < last; i++) {
            size_t row = nnf_row_number(rows, i);
            double each = real_at(crew->kernels->real, weights, row);

            counts = counts || each != 0;
            *weight += each;
        }
        stopped = nnf_crew_spent(crew, WEIGHT_NANOSECONDS * (double)(last - first));
    }
    return counts;
}

/* Samples of n that the workers take through the passes at once, which poll between
 * some units and others: as many as can be loaded until a poll, and as leave it some
 * units. In equal parts, because few samples left are slow. */
static size_t
samples_at_once(const struct nnf_plan *plan, size_t n, size_t n_workers)
{
    /* The fewest units of the plan are the lanes, and those are no more than this. */
    double each = (double)plan->widest * NNF_FETCH_WORK;
    double work = plan->kernels->poll_work * (double)n_workers;
    size_t least = plan->kernels->lanes * n_workers;

    if (each * (double)n > work) {
        n = ceil_div(n, ceil_div(n, max_size((size_t)(work / each), least)));
    }
    return nnf_plan_whole(plan, n);
}

/* Samples: load, forward, backward. */

struct samples_task {
    const struct nnf_plan *plan;
    struct nnf_crew *crew;
    const struct nnf_dropout *dropout; /* null: not as in training */
    const void *parameters;            /* null: load only */
    const struct nnf_tile *tile;
    bool load;
    size_t begin, end; /* samples of the tile to work on */
};

/* What one sample takes. */
static double
work_of_sample(const struct samples_task *task)
{
    const struct nnf_work *work = &task->plan->work;

    return (task->load ? work->load : 0) +
           (task->parameters != NULL ? work->forward : 0) +
           (task->dropout != NULL ? work->backward : 0);
}

static void
work_on_samples(void *context, const struct nnf_part *part)
{
    const struct samples_task *task = context;
    size_t first, last;
    struct nnf_span span = {
        .tile = task->tile,
        .crew = task->crew,
        .worker = part->worker,
        .room = nnf_crew_room(task->crew, part->share),
    };

    nnf_share_units(task->end - task->begin, task->plan->kernels->lanes, part, &first,
                    &last);
    span.first = task->begin + first;
    span.n = last - first;
    if (span.n == 0 || (task->load && !nnf_pass_load(task->plan, &span)) ||
        task->parameters == NULL) {
        return;
    }
    if (nnf_pass_forward(task->plan, task->parameters, &span, task->dropout) &&
        task->dropout != NULL) {
        nnf_pass_backward(task->plan, task->parameters, &span);
    }
}

/* All samples of one tile. False: stopped. */
static bool
run_samples(struct samples_task *task)
{
    size_t all = nnf_plan_whole(task->plan, task->tile->rows.n);
    size_t n_workers = nnf_crew_workers(task->crew, (double)all * work_of_sample(task));
    size_t at_once = samples_at_once(task->plan, all, n_workers);

    for (task->begin = 0; task->begin < all; task->begin = task->end) {
        task->end = min_size(all, task->begin + at_once);
        if (!nnf_crew_run(task->crew, n_workers, work_on_samples, task)) {
            return false;
        }
    }
    return true;
}

/* The gradient: entries of θ. */

struct gradient_task {
    const struct nnf_plan *plan;
    struct nnf_crew *crew;
    const struct nnf_tile *tile;
    size_t n;
    size_t begin, end; /* entries of θ to work on */
    void *gradient;
    bool accumulate;
};

/* The layer of sparse inputs, by columns: every row may touch any row of weights. */
static void
work_on_sparse_gradient(void *context, const struct nnf_part *part)
{
    const struct gradient_task *task = context;
    const struct nnf_plan *plan = task->plan;
    const struct nnf_span span = {task->tile,   0,   task->n, task->crew,
                                  part->worker, NULL};
    size_t first, last;

    nnf_share_units(plan->layers[0].out, plan->kernels->lanes, part, &first, &last);
    if (first < last) {
        nnf_sparse_gradient(plan, &span, first, last, task->gradient, task->accumulate);
    }
}

static void
work_on_gradient(void *context, const struct nnf_part *part)
{
    const struct gradient_task *task = context;
    const struct nnf_span span = {task->tile,   0,   task->n, task->crew,
                                  part->worker, NULL};
    size_t first, last;

    nnf_share(task->end - task->begin, part, &first, &last);
    nnf_pass_gradient(task->plan, &span, task->begin + first, task->begin + last,
                      task->gradient, task->accumulate);
}

static bool
run_sparse_gradient(struct gradient_task *task)
{
    const struct nnf_layer *layer = &task->plan->layers[0];
    double inputs = task->plan->work.inputs * (double)task->n;
    double work = (inputs + (double)layer->in) * (double)layer->out;

    return nnf_crew_run(task->crew, nnf_crew_workers(task->crew, work),
                        work_on_sparse_gradient, task);
}

static bool
run_gradient(struct gradient_task *task)
{
    const struct nnf_plan *plan = task->plan;
    size_t size = plan->n_parameters, n_workers, at_once;
    double work;

    task->begin = 0;
    if (plan->sparse) {
        if (!run_sparse_gradient(task)) {
            return false;
        }
        task->begin = plan->layers[0].biases + plan->layers[0].out;
    }
    n_workers =
        nnf_crew_workers(task->crew, (double)(size - task->begin) * (double)task->n);
    work = plan->kernels->poll_work * (double)n_workers;
    at_once = (double)size * (double)task->n <= work
                  ? size
                  : (size_t)(work / (double)task->n) + 1;
    for (; task->begin < size; task->begin = task->end) {
        task->end = at_once < size - task->begin ? task->begin + at_once : size;
        if (!nnf_crew_run(task->crew, n_workers, work_on_gradient, task)) {
            return false;
        }
    }
    return true;
}

/* The batch. */

bool
nnf_batch_gradient(const struct nnf_plan *plan, struct nnf_crew *crew,
                   const struct nnf_batch *batch, const void *parameters,
                   void *gradient, double *loss)
{
    *loss = 0;
    for (size_t t = 0; t < nnf_plan_tiles(plan, batch->rows.n); t++) {
        bool loaded = batch->resident != NULL;
        struct nnf_tile tile = loaded ? batch->resident[t] : plan->tile;
        struct nnf_dropout dropout = batch->dropout;
        struct samples_task samples = {
            .plan = plan,
            .crew = crew,
            .dropout = &dropout,
            .parameters = parameters,
            .tile = &tile,
            .load = !loaded,
        };
        struct gradient_task gradients = {
            .plan = plan,
            .crew = crew,
            .tile = &tile,
            .gradient = gradient,
            .accumulate = t > 0,
        };

        nnf_crew_beat(crew);
        tile.rows = nnf_plan_tile_rows(plan, &batch->rows, t);
        dropout.row = t * plan->tile_rows;
        if (!run_samples(&samples)) {
            return false;
        }
        gradients.n = nnf_plan_whole(plan, tile.rows.n);
        *loss += plan->kernels->sum(gradients.n, plan->values);
        if (!run_gradient(&gradients)) {
            return false;
        }
    }
    return true;
}

bool
nnf_batch_forward(const struct nnf_plan *plan, struct nnf_crew *crew,
                  const struct nnf_rows *rows, const void *parameters)
{
    const struct nnf_tile tile = {.rows = *rows, .input = plan->tile.input};
    struct samples_task task = {
        .plan = plan,
        .crew = crew,
        .parameters = parameters,
        .tile = &tile,
        .load = true,
    };

    nnf_crew_beat(crew);
    return run_samples(&task);
}

struct nnf_tile *
nnf_batch_plan_resident(const struct nnf_plan *plan, size_t n, struct arena *arena)
{
    const struct nnf_net *net = plan->net;
    size_t n_tiles = nnf_plan_tiles(plan, n), size = plan->kernels->real_size;
    size_t width = plan->sparse ? 0 : net->widths[0] + 1;
    size_t outputs = net->widths[net->n_layers];
    struct nnf_tile *tiles = arena_take(arena, n_tiles, sizeof(struct nnf_tile));
    size_t stride = plan->stride * size;
    char *input = arena_take_product(arena, n_tiles, width, stride);
    char *targets = arena_take_product(arena, n_tiles, outputs, stride);
    char *weights = arena_take_product(arena, n_tiles, 1, stride);

    for (size_t t = 0; tiles != NULL && t < n_tiles; t++) {
        tiles[t] = (struct nnf_tile){
            .input = width == 0 ? NULL : input + t * width * stride,
            .targets = targets + t * outputs * stride,
            .weights = weights + t * stride,
        };
        nnf_plan_add_ones(plan, tiles[t].input, net->widths[0]);
    }
    return tiles;
}

bool
nnf_batch_load(const struct nnf_plan *plan, struct nnf_crew *crew,
               const struct nnf_rows *rows, struct nnf_tile *resident)
{
    for (size_t t = 0; t < nnf_plan_tiles(plan, rows->n); t++) {
        struct samples_task task = {
            .plan = plan,
            .crew = crew,
            .tile = &resident[t],
            .load = true,
        };

        resident[t].rows = nnf_plan_tile_rows(plan, rows, t);
        if (!run_samples(&task)) {
            return false;
        }
    }
    return true;
}
