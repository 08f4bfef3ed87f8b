/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pieces that a batch is cut into, between which poll is asked: none is too long,
 * none is left out, and none is begun after a stop. Prints how many facts held; exits 0
 * only when all did.
 */
#include "counted.h"

/* Polls of a prediction by crews that ask wherever they can, alone or forced. */
static size_t
polls_of(size_t n_threads, double poll_work)
{
    struct bench b;
    size_t n_polls;

    begin(&b, n_threads, poll_work, false, false);
    check(predict_rows(&b), "a poll that says nothing stops nothing");
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
    predict_rows(&b);
    /* What goes beyond is forgotten: a piece's. */
    check((double)b.asked.times > times / 2 && (double)b.asked.times <= times,
          "poll is asked for the work that is done");
    end(&b);
}

/* The gradient goes by as many entries at once as are a poll's work. */
static void
check_entries(size_t n_entries)
{
    struct bench b;

    begin(&b, 1, (double)n_entries * ROWS - 1, false, true);
    differentiate_rows(&b, NULL);
    end(&b);
    check(atomic_load(&n_gradient) == (SIZE + n_entries - 1) / n_entries,
          "the gradient is formed in pieces");
    check(n_entries > 1 || atomic_load(&n_full) == HIDDEN + 1, "a row at least");
}

/* The gradient of sparse rows until the poll of that number; how it was asked. */
static struct asked
stopped_at(size_t last)
{
    struct bench b;

    begin(&b, 1, 0, true, true);
    b.asked.last = last;
    check(differentiate_rows(&b, NULL) == (last == 0), "a stop is told");
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
    begin_counting();
    check_pieces();
    check_sum(false, forward_work(INPUTS, INPUTS) * ROWS, 2e4);
    check_sum(true, forward_work(STORED, NNF_SCATTERED_WORK * STORED) * ROWS, 2e4);
    check_stops();
    check_entries(1);
    check_entries(100);
    check_entries(SIZE);
    check_weight(100, 0, 1);
    check_weight(100, 0.5f, 1);
    check_weight(((size_t)2 << 20) + 1, 0.25f, 3);
    return verdict();
}
