/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How a batch is cut: among as many workers as its work, as counted, is worth, and into
 * pieces between which poll is asked. Kernels that count their calls show it; no result
 * does. Prints how many facts held; exits 0 only when all did.
 */
#include "batch.h" /* not of the API */
#include "crew.h"
#include "plan.h"
#include "span.h"

#include "check.h"
#include "take.h"

#include <stdlib.h>

enum { INPUTS = 10, HIDDEN = 21, OUTPUTS = 2, LAYERS = 2, THREADS = 4 };
enum { SIZE = (INPUTS + 1) * HIDDEN + (HIDDEN + 1) * OUTPUTS };
enum {
    ROWS = 480,
    STORED = 4
}; /* one tile, in equal parts for up to four; entries of a
      row */

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
        nnf_plan_prediction(&b->plan, &net, &b->kernels, &b->data, arena);
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

static void
end(struct bench *b)
{
    nnf_crew_end(&b->crew);
    free(b->block);
}

/* Shares. */

/* The patience with which the work of all rows is worth so many workers: each has 120
 * µs of it, as counted. */
static double
patience(double work, double n_workers)
{
    return work * ROWS * NNF_POLL_NANOSECONDS / (120e3 * n_workers);
}

/* What a row takes: each input to fetch, each unit's products and activation. */
static double
forward_work(double n_inputs, double products)
{
    return NNF_FETCH_WORK * n_inputs + (products + NNF_ACTIVATION_WORK) * HIDDEN +
           (HIDDEN + NNF_ACTIVATION_WORK) * OUTPUTS;
}

enum what { PREDICTS, LEARNS, LEARNS_LOADED, LOADS, GRADIENT, SPARSE_GRADIENT };

/* Shares that a task was cut into where its work is worth so many workers. */
static size_t
shares(enum what what, bool is_sparse, double work, double worth)
{
    static double slope[SIZE];
    const struct nnf_rows all = {.n = ROWS};
    struct nnf_batch batch = {.rows = all};
    struct bench b;
    double loss;

    begin(&b, THREADS, patience(work, worth), is_sparse, what != PREDICTS);
    batch.rows.data = &b.data;
    if (what == PREDICTS) {
        nnf_batch_forward(&b.plan, &b.crew, &batch.rows, theta);
    }
    if (what == LEARNS_LOADED || what == LOADS) {
        nnf_batch_load(&b.plan, &b.crew, &batch.rows, b.resident);
        batch.resident = b.resident;
    }
    if (what != PREDICTS) {
        nnf_batch_gradient(&b.plan, &b.crew, &batch, theta, slope, &loss);
    }
    end(&b);
    return what == GRADIENT          ? atomic_load(&n_gradient)
           : what == SPARSE_GRADIENT ? atomic_load(&n_sparse) / ROWS
                                     : atomic_load(&n_forward);
}

/* Work is counted as is said: a little less than is worth a worker is done by one
 * fewer. */
static void
check_shares(enum what what, bool is_sparse, double work, const char *name)
{
    for (size_t n = 2; n <= THREADS; n++) {
        check(shares(what, is_sparse, work, (double)n + 0.02) == n, name);
        check(shares(what, is_sparse, work, (double)n - 0.02) == n - 1, name);
    }
    check(shares(what, is_sparse, work, 100) == THREADS, name);
    check(shares(what, is_sparse, work, 0.1) == 1, name);
}

static void
check_work(void)
{
    const double scattered = NNF_SCATTERED_WORK * STORED;
    const double dense = forward_work(INPUTS, INPUTS);
    const double sparse = forward_work(STORED, scattered);
    const double back = HIDDEN * OUTPUTS; /* one product more for each layer but one */
    const double rest = (HIDDEN + 1) * OUTPUTS;
    struct bench b;

    check_shares(PREDICTS, false, dense, "prediction");
    check_shares(PREDICTS, true, sparse, "prediction of sparse rows");
    check_shares(LEARNS, false, dense + back, "training");
    check_shares(LEARNS, true, sparse + back, "training of sparse rows");
    check_shares(LEARNS_LOADED, false, dense - NNF_FETCH_WORK * INPUTS + back,
                 "training of rows that are loaded");
    check_shares(GRADIENT, false, SIZE, "the gradient, an entry a product");
    check_shares(GRADIENT, true, rest, "that of layers above sparse rows");
    check_shares(SPARSE_GRADIENT, true, (scattered + (double)INPUTS / ROWS) * HIDDEN,
                 "and of sparse rows");
    begin(&b, 1, 1, false, false);
    check(nnf_batch_forward_work(&b.plan, &b.data) == dense, "a row's work is told");
    end(&b);
}

/* Pieces. */

/* Polls of a prediction by crews that ask wherever they can, alone or forced. */
static size_t
polls_of(size_t n_threads, double poll_work)
{
    struct bench b;
    size_t n_polls;

    begin(&b, n_threads, poll_work, false, false);
    check(nnf_batch_forward(&b.plan, &b.crew,
                            &(struct nnf_rows){.data = &b.data, .n = ROWS}, theta),
          "a poll that says nothing stops nothing");
    n_polls = b.asked.times;
    end(&b);
    return n_polls;
}

/* What all is to be counted as: polls come at every so-many-th of it. */
static void
check_sum(bool is_sparse, double work, double before_a_poll)
{
    struct bench b;
    double times = work / before_a_poll;

    begin(&b, 1, before_a_poll, is_sparse, false);
    nnf_batch_forward(&b.plan, &b.crew, &(struct nnf_rows){.data = &b.data, .n = ROWS},
                      theta);
    /* What goes beyond is forgotten: a piece's. */
    check((double)b.asked.times > times / 2 && (double)b.asked.times <= times,
          "poll is asked for the work that is done");
    end(&b);
}

/* The gradient goes by as many entries at once as are a poll's work. */
static void
check_entries(size_t n_entries)
{
    const struct nnf_rows all = {.n = ROWS};
    struct nnf_batch batch = {.rows = all};
    static double slope[SIZE];
    struct bench b;
    double loss;

    begin(&b, 1, (double)n_entries * ROWS - 1, false, true);
    batch.rows.data = &b.data;
    nnf_batch_gradient(&b.plan, &b.crew, &batch, theta, slope, &loss);
    end(&b);
    check(atomic_load(&n_gradient) == (SIZE + n_entries - 1) / n_entries,
          "the gradient is formed in pieces");
    check(n_entries > 1 || atomic_load(&n_full) == HIDDEN + 1, "a row at least");
}

/* The gradient of sparse rows until the poll of that number; how it was asked. */
static struct asked
stopped_at(size_t last)
{
    const struct nnf_rows all = {.n = ROWS};
    struct nnf_batch batch = {.rows = all};
    static double slope[SIZE];
    struct bench b;
    double loss;

    begin(&b, 1, 0, true, true);
    b.asked.last = last;
    batch.rows.data = &b.data;
    check(nnf_batch_gradient(&b.plan, &b.crew, &batch, theta, slope, &loss) ==
              (last == 0),
          "a stop is told");
    end(&b);
    return b.asked;
}

/* Stopped while it is cleared, or between two rows, it goes no further. */
static void
check_stops(void)
{
    size_t before = stopped_at(0).before_sparse;

    check(before > ROWS + INPUTS, "rows are gone through, and columns cleared");
    for (size_t last = before - INPUTS; last <= before + 3; last++) {
        check(stopped_at(last).times == last, "whoever says stop is asked no more");
        check(atomic_load(&n_sparse) == (last > before ? last - before : 0),
              "and no row is added");
    }
}

/* A worker alone loads no more samples at once than in the time between two polls, or a
 * vector of them, in equal parts; several load as many each. */
static void
check_pieces(void)
{
    const double load = HIDDEN * NNF_FETCH_WORK; /* of a sample, by the widest layer */
    const size_t lanes = counted->lanes;
    size_t alone, together;

    for (size_t parts = 1; parts <= 10; parts++) {
        size_t samples = (ROWS + parts - 1) / parts;

        polls_of(1, load * (double)samples);
        check(atomic_load(&n_forward) == parts, "as many parts as need be");
        check(atomic_load(&most_samples) < samples + lanes, "that are alike");
    }
    alone = polls_of(1, 0);
    check(atomic_load(&n_forward) == ROWS / lanes, "a vector of samples at least");
    check(atomic_load(&n_units) == (HIDDEN + OUTPUTS) * (ROWS / lanes),
          "of which each unit is formed once");
    nnf_threads_force(true);
    together = polls_of(3, 0);
    nnf_threads_force(false);
    check(atomic_load(&n_forward) == ROWS / lanes &&
              atomic_load(&most_samples) == lanes,
          "for each worker");
    /* Beside the caller's own, which may be all, there is one for each round. */
    check(together <= alone + ROWS / lanes / 3, "and all at once");
    check(atomic_load(&n_foreign) == 0, "only the caller is asked");
}

/* Threads that predict have tiles of their own, where all have some. */
static void
check_tiles(void)
{
    enum { TILES = 2 * THREADS };
    double *many = take(TILES * ROWS * INPUTS * sizeof *many, 0);
    double *outputs = take(TILES * ROWS * OUTPUTS * sizeof *outputs, 0);
    const struct nnf_data data = {.n_rows = TILES * ROWS, .inputs = many };
    struct nnf_data part = data;
    struct nnf_kernels kernels = *counted;
    struct arena arena = {0};
    struct nnf_plan plan;
    void *work;

    kernels.dense_forward = count_forward;
    part.n_rows /= THREADS;
    nnf_plan_prediction(&plan, &net, &kernels, &part, &arena);
    work = take(nnf_predict_workspace(&net, &kernels, &data, THREADS), 0);
    atomic_store(&most_samples, 0);
    nnf_threads_force(true);
    nnf_predict(&net, &kernels, theta, &data, outputs, THREADS, NULL, work);
    nnf_threads_force(false);
    check(atomic_load(&most_samples) == plan.tile_rows, "a thread takes a whole tile");
    free(work);
    free(outputs);
    free(many);
}

/* Weights of a large network are copied where many samples use them. */
static void
check_copies(size_t n_rows, bool copies)
{
    enum { WIDE = 1200, LARGE = (WIDE + 1) * WIDE };
    const struct nnf_net large = {
        .n_layers = 1,
        .widths = (const size_t[]){WIDE, WIDE},
        .activations = (const enum nnf_activation[]){NNF_IDENTITY},
        .loss = NNF_SQUARED_ERROR,
    };
    double *many = take(LARGE * sizeof *many, 0);
    const struct nnf_data data = {.n_rows = n_rows, .inputs = many};
    struct nnf_kernels kernels = *counted;
    struct arena arena = {0};
    struct nnf_plan plan;
    struct nnf_crew crew;
    void *block;

    kernels.dense_forward = count_forward;
    nnf_plan_prediction(&plan, &large, &kernels, &data, &arena);
    nnf_crew_plan(&crew, 1, plan.packed, &arena);
    block = take(arena.used, 0);
    arena = (struct arena){.base = block};
    nnf_plan_prediction(&plan, &large, &kernels, &data, &arena);
    nnf_crew_plan(&crew, 1, plan.packed, &arena);
    nnf_crew_begin(&crew, &kernels, 1, NULL);
    atomic_store(&n_copies, 0);
    nnf_batch_forward(&plan, &crew, &(struct nnf_rows){.data = &data, .n = n_rows},
                      many);
    nnf_crew_end(&crew);
    check((atomic_load(&n_copies) > 0) == copies,
          "weights are copied for many samples");
    free(block);
    free(many);
}

/* The weight of so many rows, of which every one has the same; polls on the way. */
static void
check_weight(size_t n_rows, float each, size_t least_polls)
{
    const struct nnf_kernels *kernels = nnf_kernels_find(NULL, NNF_FLOAT32);
    float *weights = take(n_rows * sizeof *weights, 0);
    struct nnf_batch batch = {.rows = {.n = n_rows}};
    struct bench b;
    double weight;

    for (size_t i = 0; i < n_rows; i++) {
        weights[i] = each;
    }
    begin(&b, 1, 0, false, true);
    b.kernels.real = kernels->real;
    b.data.n_rows = n_rows;
    b.data.weights = weights;
    batch.rows.data = &b.data;
    check(nnf_batch_weight(&batch, &b.crew, &weight) == (each != 0),
          "a batch without weight is told");
    check(weight == (double)each * (double)n_rows, "weights are summed");
    check(b.asked.times >= least_polls, "with polls between");
    b.data.weights = NULL;
    check(nnf_batch_weight(&batch, &b.crew, &weight) && weight == (double)n_rows,
          "rows without weights count one each");
    end(&b);
    free(weights);
}

int
main(void)
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
    check_work();
    check_pieces();
    check_sum(false, forward_work(INPUTS, INPUTS) * ROWS, 2e4);
    check_sum(true, forward_work(STORED, NNF_SCATTERED_WORK * STORED) * ROWS, 2e4);
    check_stops();
    check_entries(1);
    check_entries(100);
    check_entries(SIZE);
    check_tiles();
    check_copies(32, false);
    check_copies(64, true);
    check_weight(100, 0, 1);
    check_weight(100, 0.5f, 1);
    check_weight(((size_t)2 << 20) + 1, 0.25f, 3);
    return verdict();
}
