/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A small network, its rows and a crew for it, with kernels that count their calls: of
 * how a batch is cut these tell, where no result does.
 */
#ifndef COUNTED_H
#define COUNTED_H

#include "batch.h" /* not of the API */
#include "crew.h"
#include "plan.h"
#include "span.h"

#include "check.h"
#include "take.h"

#include <stdlib.h>

enum { INPUTS = 10, OUTPUTS = 2, LAYERS = 2, THREADS = 4 };
enum { HIDDEN = 29 }; /* a vector of these for each thread, of any instruction set */
enum { SIZE = (INPUTS + 1) * HIDDEN + (HIDDEN + 1) * OUTPUTS };
enum { ROWS = 480 }; /* one tile, in equal parts for up to four workers */
enum { STORED = 4 }; /* entries of a sparse row */

static const struct nnf_net net = {
    .n_layers = LAYERS,
    .widths = (const size_t[]){INPUTS, HIDDEN, OUTPUTS},
    .activations = (const enum nnf_activation[]){NNF_TANH, NNF_IDENTITY},
    .loss = NNF_SQUARED_ERROR,
};

/* Calls of kernels of which each share of a task makes a known number. */
static const struct nnf_kernels *counted;
static atomic_size_t n_forward, n_gradient, n_full, n_sparse, n_copies, n_units,
    most_samples;

static void
count_forward(size_t d, size_t h, size_t units, size_t n, const void *weights,
              const void *biases, const void *input, void *output, size_t stride,
              const struct nnf_activation_kernels *activation, void *slope,
              void *packed)
{
    size_t most = atomic_load(&most_samples);

    atomic_fetch_add(&n_forward,
                     h == OUTPUTS); /* the last layer, by one block of units */
    atomic_fetch_add(&n_copies, packed != NULL);
    atomic_fetch_add(&n_units, units * (n / counted->lanes));
    while (n > most && !atomic_compare_exchange_weak(&most_samples, &most, n)) {
    }
    counted->dense_forward(d, h, units, n, weights, biases, input, output, stride,
                           activation, slope, packed);
}

static void
count_gradient(size_t first, size_t last, size_t h, size_t n, const void *input,
               const struct nnf_delta *delta, size_t stride, void *gradient,
               bool accumulate)
{
    atomic_fetch_add(&n_gradient, h == OUTPUTS);
    atomic_fetch_add(&n_full, h == OUTPUTS && last > first);
    counted->weight_gradient(first, last, h, n, input, delta, stride, gradient,
                             accumulate);
}

static void
count_sparse(size_t d, size_t h, const struct nnf_entries *x, const void *delta,
             size_t first, size_t last, void *gradient)
{
    atomic_fetch_add(&n_sparse, 1);
    counted->sparse_gradient(d, h, x, delta, first, last, gradient);
}

/* Who is asked, and the time at which it says stop; 0: never. */
struct asked {
    size_t times, last;
    size_t before_sparse; /* until the first row's part of a sparse gradient */
};

static _Thread_local bool is_caller;
static atomic_size_t n_foreign;

static int
ask(void *context)
{
    struct asked *asked = context;

    asked->times++;
    asked->before_sparse += atomic_load(&n_sparse) == 0;
    atomic_fetch_add(&n_foreign, !is_caller);
    return asked->times == asked->last;
}

/* Rows of ones, dense and sparse. */
static double inputs[ROWS * INPUTS], targets[ROWS * OUTPUTS], theta[SIZE];
static int64_t starts[ROWS + 1];
static int32_t columns[ROWS * STORED];

struct bench {
    struct nnf_kernels kernels;
    struct nnf_data data;
    struct nnf_plan plan;
    struct nnf_crew crew;
    struct nnf_tile *resident;
    struct asked asked;
    struct nnf_poll poll;
    void *block;
};

static void
lay_out(struct bench *b, size_t n_threads, bool trains, struct arena *arena)
{
    if (trains) {
        nnf_plan_training(&b->plan, &net, &b->kernels, &b->data, ROWS, NULL, arena);
    }
    else {
        nnf_plan_prediction(&b->plan, &net, &b->kernels, &b->data, ROWS, arena);
    }
    nnf_crew_plan(&b->crew, n_threads, b->plan.packed, arena);
    b->resident = nnf_batch_plan_resident(&b->plan, ROWS, arena);
}

static void
begin(struct bench *b, size_t n_threads, double poll_work, bool is_sparse, bool trains)
{
    struct arena arena = {0};

    *b = (struct bench){.kernels = *counted};
    b->kernels.poll_work = poll_work;
    b->kernels.dense_forward = count_forward;
    b->kernels.weight_gradient = count_gradient;
    b->kernels.sparse_gradient = count_sparse;
    b->data = (struct nnf_data){.n_rows = ROWS, .inputs = inputs, .targets = targets};
    if (is_sparse) {
        b->data.row_starts = starts;
        b->data.columns = columns;
        b->data.n_stored = ROWS * STORED;
    }
    b->poll = (struct nnf_poll){ask, &b->asked};
    lay_out(b, n_threads, trains, &arena);
    b->block = take(arena.used, 0);
    arena = (struct arena){.base = b->block};
    lay_out(b, n_threads, trains, &arena);
    nnf_crew_begin(&b->crew, &b->kernels, 1, &b->poll);
    atomic_store(&n_forward, 0);
    atomic_store(&n_gradient, 0);
    atomic_store(&n_full, 0);
    atomic_store(&n_sparse, 0);
    atomic_store(&n_copies, 0);
    atomic_store(&n_units, 0);
    atomic_store(&most_samples, 0);
}

/* What is done with all rows, of which the tiles are loaded where resident is given. */
static inline bool
predict_rows(struct bench *b)
{
    const struct nnf_rows all = {.data = &b->data, .n = ROWS};

    return nnf_batch_forward(&b->plan, &b->crew, &all, theta);
}

static inline bool
differentiate_rows(struct bench *b, const struct nnf_tile *resident)
{
    static double slope[SIZE];
    const struct nnf_rows all = {.data = &b->data, .n = ROWS};
    const struct nnf_batch batch = {.rows = all, .resident = resident};
    double loss;

    return nnf_batch_gradient(&b->plan, &b->crew, &batch, theta, slope, &loss);
}

static void
end(struct bench *b)
{
    nnf_crew_end(&b->crew);
    free(b->block);
}

/* What a row takes: each input to fetch, each unit's products and activation. */
static double
forward_work(double n_inputs, double products)
{
    return NNF_FETCH_WORK * n_inputs + (products + NNF_ACTIVATION_WORK) * HIDDEN +
           (HIDDEN + NNF_ACTIVATION_WORK) * OUTPUTS;
}

/* Before all else, by the thread that is asked: rows of ones, and no other counts. */
static void
begin_counting(void)
{
    for (size_t i = 0; i < ROWS * INPUTS; i++) {
        inputs[i] = 1;
    }
    for (size_t i = 0; i < ROWS * STORED; i++) {
        columns[i] = (int32_t)(i % STORED);
    }
    for (size_t i = 0; i <= ROWS; i++) {
        starts[i] = (int64_t)(i * STORED);
    }
    counted = nnf_kernels_find(NULL, NNF_FLOAT64);
    is_caller = true;
}

#endif
