/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How the work of a batch is counted: it is shared among as many workers as it is
 * worth, and copied, scored and given whole tiles of it where that pays. Prints how
 * many facts held; exits 0 only when all did.
 */
#include "counted.h"
#include "ones.h"
#include "score.h" /* nor this of the API */

/* The patience with which the work of all rows is worth so many workers: each has 120
 * µs of it, as counted. */
static double
patience(double work, double n_workers)
{
    return work * ROWS * NNF_POLL_NANOSECONDS / (120e3 * n_workers);
}

enum what { PREDICTS, LEARNS, LEARNS_LOADED, GRADIENT, SPARSE_GRADIENT };

/* Shares that a task was cut into where its work is worth so many workers. */
static size_t
shares(enum what what, bool is_sparse, double work, double worth)
{
    const struct nnf_tile *resident = NULL;
    struct bench b;

    begin(&b, THREADS, patience(work, worth), is_sparse, what != PREDICTS);
    if (what == LEARNS_LOADED) {
        const struct nnf_rows all = {.data = &b.data, .n = ROWS};

        nnf_batch_load(&b.plan, &b.crew, &all, b.resident);
        resident = b.resident;
    }
    if (what == PREDICTS) {
        predict_rows(&b);
    }
    else {
        differentiate_rows(&b, resident);
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
    struct arena apart = {0};
    struct nnf_plan part;
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
    check(b.plan.work.load + b.plan.work.forward == dense, "a row's work is told");
    end(&b);
    begin(&b, 1, 1, true, false);
    nnf_plan_prediction(&part, &net, &b.kernels, &b.data, ROWS / THREADS, &apart);
    check(part.work.load + part.work.forward == sparse,
          "and is no more where a plan is for a part of the rows");
    end(&b);
}

/* Threads that predict have tiles of their own, where all have some. */
static void
check_tiles(void)
{
    enum { TILES = 2 * THREADS };
    double *many = take(TILES * ROWS * INPUTS * sizeof *many, 0);
    double *outputs = take(TILES * ROWS * OUTPUTS * sizeof *outputs, 0);
    const struct nnf_data data = {.n_rows = TILES * ROWS, .inputs = many };
    struct nnf_kernels kernels = *counted;
    struct arena arena = {0};
    struct nnf_plan plan;
    void *work;

    kernels.dense_forward = count_forward;
    nnf_plan_prediction(&plan, &net, &kernels, &data, data.n_rows / THREADS, &arena);
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
    nnf_plan_prediction(&plan, &large, &kernels, &data, n_rows, &arena);
    nnf_crew_plan(&crew, 1, plan.packed, &arena);
    block = take(arena.used, 0);
    arena = (struct arena){.base = block};
    nnf_plan_prediction(&plan, &large, &kernels, &data, n_rows, &arena);
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

/* To score by R², rows are gone through twice, at 4 ns for a target. */
static void
check_score(void)
{
    static int64_t backwards[ROWS];
    struct nnf_scoring scoring = {
        .score = NNF_R2,
        .held_out = {.n_rows = ROWS, .numbers = backwards},
    };
    struct arena arena = {0};
    struct bench b;
    double expected;
    void *block;

    begin(&b, 1, 1, false, true);
    nnf_scoring_plan(&scoring, &b.plan, &arena);
    block = take(arena.used, 0xff);
    arena = (struct arena){.base = block};
    nnf_scoring_plan(&scoring, &b.plan, &arena);
    for (size_t i = 0; i < ROWS * OUTPUTS; i++) {
        targets[i] = (double)(i % 2 + i % 4);
    }
    for (size_t i = 0; i < ROWS; i++) {
        backwards[i] = (int64_t)(ROWS - 1 - i);
    }
    scoring.data = &b.data;
    check(nnf_scoring_begin(&scoring, &b.plan, &b.crew), "it goes to the end");
    /* And 100 ns for a row, wherever it is; to write down which it is takes 5. */
    expected = nnf_crew_time(&b.crew, (2 * (4.0 * OUTPUTS + 100) + 5) * ROWS);
    check(b.crew.work > 0.99 * expected && b.crew.work < 1.01 * expected,
          "what it takes is counted");
    /* 0 and 2 by turns, and 2 and 4. */
    check(scoring.mean[0] == ROWS && scoring.mean[1] == 3 * ROWS, "sums of targets");
    check(scoring.spread[0] == ROWS && scoring.spread[1] == ROWS,
          "squares of what they are away from their means");
    free(block);
    end(&b);
}

/* Whatever is done with a plan, its rows of ones are what they were. */
static void
check_ones(bool is_sparse)
{
    struct nnf_rows all, few;
    struct bench b;

    begin(&b, THREADS, 1e9, is_sparse, true);
    all = (struct nnf_rows){.data = &b.data, .n = ROWS};
    few = (struct nnf_rows){.data = &b.data, .first = 5, .n = ROWS / 3};
    nnf_threads_force(true);
    nnf_batch_load(&b.plan, &b.crew, &all, b.resident);
    differentiate_rows(&b, b.resident);
    differentiate_rows(&b, NULL);
    nnf_batch_forward(&b.plan, &b.crew, &few, theta);
    nnf_threads_force(false);
    check(has_ones(&b.plan, b.plan.tile.input, INPUTS) &&
              has_ones(&b.plan, b.resident->input, INPUTS) &&
              has_ones(&b.plan, b.plan.layers[0].output, HIDDEN),
          "rows of ones stay what they are");
    end(&b);
}

int
main(void)
{
    begin_counting();
    check_work();
    check_tiles();
    check_copies(32, false);
    check_copies(64, true);
    check_score();
    check_ones(false);
    check_ones(true);
    return verdict();
}
