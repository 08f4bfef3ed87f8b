/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Calls that are stopped at one place after the other at which they ask, which kernels
 * of no patience make all that there are: the call says so, asks no more, and leaves
 * the θ of its last whole step. Prints how many facts held; exits 0 only when all did.
 */
#include "nnfast.h"

#include "check.h"
#include "kernels.h" /* not of the API: for poll_work */
#include "plan.h"    /* nor this: for NNF_FETCH_WORK */
#include "take.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_ROWS = 3300,
    TILES = 1100,
    INPUTS = 3,
    WIDTH = 9,
    OUTPUTS = 2,
    MOST = 100,
    STEPS = 12
};

/* Work between two polls: that of loading a tile, and a little more. */
#define PATIENCE 2e5

/* One call: what it works on and how. */
struct call {
    const char *name;
    size_t n_rows, batch_size;
    bool sparse, labels, weights, split, one_class, shuffle, dropout;
    enum nnf_solver solver;
    enum nnf_activation hidden;
    size_t n_threads;
};

static const struct call calls[] = {
    {"a row", 1, 1, .labels = true, .hidden = NNF_TANH},
    {"one batch", 20, 20, .labels = true, .solver = NNF_ADAM, .hidden = NNF_TANH},
    {"batches", 20, 7, .shuffle = true, .solver = NNF_SGD, .hidden = NNF_RELU},
    {"scored", 50, 20, .split = true, .labels = true, .shuffle = true,
     .solver = NNF_ADAM, .hidden = NNF_GELU},
    {"scored by r2", 30, 20, .split = true, .weights = true, .hidden = NNF_ELU},
    {"several tiles", TILES, TILES, .weights = true, .solver = NNF_ADAM, .split = true,
     .hidden = NNF_TANH},
    {"dropout", 20, 6, .dropout = true, .shuffle = true, .hidden = NNF_SILU},
    {"sparse", 20, 7, .sparse = true, .shuffle = true, .hidden = NNF_RELU},
    {"sparse tiles", TILES, TILES, .sparse = true, .dropout = true, .solver = NNF_ADAM,
     .split = true, .labels = true, .hidden = NNF_MISH},
    {"many batches", TILES, 300, .shuffle = true, .hidden = NNF_SOFTSIGN,
     .n_threads = 3},
    {"shared tiles", TILES, TILES, .labels = true, .split = true, .hidden = NNF_GELU,
     .n_threads = 3},
    {"one class", 20, 20, .labels = true, .split = true, .one_class = true,
     .hidden = NNF_TANH},
    {"a tile for each thread", MOST_ROWS, MOST_ROWS, .hidden = NNF_TANH,
     .n_threads = 3},
};

/* Numbers for all calls; sparse rows have an entry in every second place. */
static double inputs[MOST_ROWS * INPUTS], targets[MOST_ROWS * OUTPUTS];
static double ones[MOST_ROWS];
static int64_t labels[MOST_ROWS], starts[MOST_ROWS + 1], numbers[MOST_ROWS];
static int32_t columns[MOST_ROWS * INPUTS];

static double
uniform(void)
{
    static uint64_t state = 1;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) * 0x1p-52 - 1;
}

static void
draw_numbers(void)
{
    for (size_t i = 0; i < MOST_ROWS; i++) {
        for (size_t j = 0; j < INPUTS; j++) {
            inputs[i * INPUTS + j] = uniform();
        }
        for (size_t j = 0; j < OUTPUTS; j++) {
            targets[i * OUTPUTS + j] = uniform();
        }
        ones[i] = i % 5 != 0;
        labels[i] = uniform() > 0;
        numbers[i] = (int64_t)i;
        starts[i + 1] = starts[i] + (int64_t)(i % INPUTS);
        for (int64_t k = starts[i]; k < starts[i + 1]; k++) {
            columns[k] = (int32_t)(k - starts[i]);
        }
    }
}

static struct nnf_data
data_of(const struct call *call)
{
    struct nnf_data data = {.n_rows = call->n_rows, .inputs = inputs};

    if (call->sparse) {
        data.row_starts = starts;
        data.columns = columns;
        data.n_stored = (size_t)starts[MOST_ROWS];
    }
    data.targets = call->labels ? NULL : targets;
    data.labels = call->labels ? labels : NULL;
    data.weights = call->weights ? ones : NULL;
    return data;
}

static uint32_t
next_uint32(void *state)
{
    uint64_t *bits = state;

    *bits = *bits * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*bits >> 32);
}

/* Who is asked: stops at the wanted call, and sees θ after every step until then. */
struct asked {
    size_t calls, wanted;
    const struct nnf_training *training; /* null in other calls */
    const double *theta;
    double (*course)[MOST]; /* θ by the number of updates; null: not recorded */
    size_t size;
};

static int
ask(void *context)
{
    struct asked *asked = context;

    asked->calls++;
    if (asked->course != NULL && asked->training->n_updates < STEPS) {
        memcpy(asked->course[asked->training->n_updates], asked->theta,
               asked->size * sizeof *asked->theta);
    }
    return asked->calls == asked->wanted;
}

/* Whether it was stopped. Wanted 0: not at all, which fills in the course. */
static bool
train(const struct call *call, const struct nnf_net *net,
      const struct nnf_kernels *kernels, size_t wanted, double (*course)[MOST])
{
    const double rates[] = {0.25};
    uint64_t state = 7;
    const struct nnf_bits bits = {.next_uint32 = next_uint32, .state = &state};
    const struct nnf_data data = data_of(call);
    const struct nnf_split split = {
        .n_training = call->n_rows,
        .n_held_out = call->n_rows / 2,
        .training = numbers,
        .held_out = numbers,
        .weights = data.weights,
    };
    double theta[MOST], moments[2 * MOST] = {0}, best[MOST];
    struct asked asked = {.wanted = wanted, .theta = theta, .size = nnf_net_size(net)};
    struct nnf_training training = {
        .solver = call->solver,
        .learning_rate_init = 0.01,
        .momentum = 0.9,
        .nesterov = true,
        .beta_1 = 0.9,
        .beta_2 = 0.99,
        .epsilon = 1e-8,
        .alpha = 0.01,
        .batch_size = call->batch_size,
        .max_epochs = 2,
        .n_iter_no_change = 10,
        .dropout = call->dropout ? rates : NULL,
        .shuffle = call->shuffle ? &bits : NULL,
        .split = call->split ? &split : NULL,
        .score = call->one_class ? NNF_ALWAYS_RIGHT
                 : call->labels  ? NNF_ACCURACY
                                 : NNF_R2,
        .n_threads = call->n_threads + (call->n_threads == 0),
        .poll = {ask, &asked},
    };
    void *work;
    bool stopped;

    for (size_t i = 0; i < asked.size; i++) {
        theta[i] = 0.3 * sin((double)i);
    }
    asked.training = &training;
    asked.course = wanted == 0 ? course : NULL;
    nnf_training_begin(&training);
    check(nnf_training_check(net, &data, &training) == NULL, call->name);
    work = take(nnf_train_workspace(net, kernels, &training, &data), 0xff);
    nnf_train(net, kernels, &training, &data, theta, moments, best, work);
    free(work);

    stopped = training.stop == NNF_STOP_ASKED;
    if (wanted == 0) {
        memcpy(course[training.n_updates], theta, asked.size * sizeof *theta);
    }
    check(stopped == (wanted > 0 && asked.calls >= wanted), "a stop is told");
    check(!stopped || asked.calls == wanted, "whoever said stop is asked no more");
    check(stopped || !call->one_class || training.validation_score == 1,
          "who knows one class only is right");
    check(memcmp(theta, course[training.n_updates], asked.size * sizeof *theta) == 0,
          "θ is that of the last step");
    return stopped;
}

/* The same for the other calls, which say whether they were finished; true while
 * there was a place to stop at. */
static bool
evaluate(const struct call *call, const struct nnf_net *net,
         const struct nnf_kernels *kernels, size_t wanted, bool gradient)
{
    static double outputs[MOST_ROWS * OUTPUTS];
    const struct nnf_data data = data_of(call);
    const size_t n_threads = call->n_threads + (call->n_threads == 0);
    struct asked asked = {.wanted = wanted};
    const struct nnf_poll poll = {ask, &asked};
    double theta[MOST] = {0}, slope[MOST], value;
    void *work;
    bool done;

    if (gradient) {
        work = take(nnf_gradient_workspace(net, kernels, &data, n_threads), 0xff);
        done = nnf_gradient(net, kernels, theta, &data, 0.1, slope, &value, n_threads,
                            &poll, work);
    }
    else {
        work = take(nnf_predict_workspace(net, kernels, &data, n_threads), 0xff);
        done = nnf_predict(net, kernels, theta, &data, outputs, n_threads, &poll, work);
    }
    free(work);
    check(done || asked.calls == wanted, "only who says stop stops it");
    check(asked.calls <= wanted, "whoever said stop is asked no more");
    return asked.calls == wanted;
}

/* Threads share a tile that is long to load, though its products are few: with tiles of
 * their own, which take more memory, they would load them without a poll. */
static void
check_tiles(const struct nnf_kernels *kernels)
{
    const struct nnf_net net = {
        .n_layers = 1,
        .widths = (const size_t[]){INPUTS, 1},
        .activations = (const enum nnf_activation[]){NNF_IDENTITY},
        .loss = NNF_SQUARED_ERROR,
    };
    const struct nnf_data data = {.n_rows = MOST_ROWS};
    struct nnf_kernels impatient = *kernels;

    impatient.poll_work = 5e3; /* more than a tile's products, less than its load */
    check(nnf_predict_workspace(&net, &impatient, &data, 3) <
              nnf_predict_workspace(&net, kernels, &data, 3),
          "threads share tiles that are long to load");
}

/* Few rows, which go through the network one by one where loading a tile does not try
 * one's patience, can be stopped between layers. */
static void
check_few_rows(const struct nnf_net *net, const struct nnf_kernels *kernels)
{
    const struct call few = {"few rows", .n_rows = kernels->lanes / 2};
    struct nnf_kernels impatient = *kernels;
    size_t wanted = 1;

    impatient.poll_work = NNF_FETCH_WORK * WIDTH * (double)kernels->lanes;
    while (evaluate(&few, net, &impatient, wanted, false)) {
        wanted++;
    }
    check(wanted > 1, "there was a place to stop at between layers of a row");
}

/* Every place of the first two dozen, then fewer and fewer: those are much alike. */
static size_t
later(size_t wanted)
{
    return wanted + 1 + wanted / 24;
}

int
main(void)
{
    const struct nnf_kernels *kernels = nnf_kernels_find(NULL, NNF_FLOAT64);
    struct nnf_kernels impatient = *kernels;
    static double course[STEPS + 1][MOST];

    nnf_threads_force(true);
    draw_numbers();
    check_tiles(kernels);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        const struct call *call = &calls[i];
        const enum nnf_activation activations[] = {
            call->hidden, call->labels ? NNF_SOFTMAX : NNF_IDENTITY};
        const struct nnf_net net = {
            .n_layers = 2,
            .widths = (const size_t[]){INPUTS, WIDTH, OUTPUTS},
            .activations = activations,
            .loss = call->labels ? NNF_LOG_LOSS : NNF_SQUARED_ERROR,
        };
        size_t wanted = 0;

        check_few_rows(&net, kernels);
        impatient.poll_work = 0;
        train(call, &net, &impatient, 0, course);
        do {
            wanted = later(wanted);
        } while (train(call, &net, &impatient, wanted, course));
        check(wanted > 5, "there were places to stop at");
        for (int k = 0; k < 4; k++) {
            /* Threads have tiles of their own where one does not try their patience. */
            impatient.poll_work = k < 2 ? 0 : PATIENCE;
            for (wanted = 1; evaluate(call, &net, &impatient, wanted, k % 2 == 0);) {
                wanted = later(wanted);
            }
        }
    }
    return verdict();
}
