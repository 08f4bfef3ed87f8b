/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The core at its limits: sizes that overflow, polls that are null, and polls that
 * come whatever kind of work is done. Prints how many facts held; exits 0 only when
 * all did.
 */
#include "nnfast.h"

#include "check.h"
#include "kernels.h" /* not of the API: for poll_work */
#include "take.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Counts its calls and says stop at the last that is wanted. */
struct counter {
    size_t calls, wanted;
};

static int
count(void *context)
{
    struct counter *counter = context;

    return ++counter->calls >= counter->wanted;
}

static struct nnf_training
training_of(struct counter *counter)
{
    struct nnf_training training = {
        .solver = NNF_SGD,
        .learning_rate_init = 0.01,
        .batch_size = 1,
        .max_epochs = SIZE_MAX,
        .n_iter_no_change = 1e300,
        .epsilon = 1e-8,
        .n_threads = 1,
        .poll = {count, counter},
    };

    nnf_training_begin(&training);
    return training;
}

/* True when training a tiny network on these rows is stopped by poll. */
static bool
is_stopped(const struct nnf_kernels *kernels, struct nnf_training training, size_t rows,
           const float *weights)
{
    const struct nnf_net net = {
        .n_layers = 1,
        .widths = (const size_t[]){1, 1},
        .activations = (const enum nnf_activation[]){NNF_IDENTITY},
        .loss = NNF_SQUARED_ERROR,
    };
    float *zeros = take(rows * sizeof *zeros, 0);
    float parameters[2] = {0}, moments[2] = {0};
    const struct nnf_data data = {
        .n_rows = rows, .inputs = zeros, .targets = zeros, .weights = weights};
    void *workspace = take(nnf_train_workspace(&net, kernels, &training, &data), 0);

    nnf_train(&net, kernels, &training, &data, parameters, moments, NULL, workspace);
    free(workspace);
    free(zeros);
    return training.stop == NNF_STOP_ASKED && training.poll.call != NULL;
}

/* Endless fits in which hardly a product is formed; each ends because poll is asked. */
static void
polls_come(const struct nnf_kernels *kernels)
{
    struct counter counter = {.wanted = 3};
    struct nnf_training training = training_of(&counter);
    float *none = take(64 * sizeof *none, 0);

    check(is_stopped(kernels, training, 7, NULL), "poll comes with batches of one");
    counter.calls = 0;
    training.n_threads = 2;
    check(is_stopped(kernels, training, 7, NULL), "and with two threads");
    counter.calls = 0;
    training.n_threads = 1;
    check(is_stopped(kernels, training, 64, none), "and where every batch is skipped");
    free(none);
}

/* The same for sparse rows: without entries, and so long that two are a while's work.
 */
static void
polls_come_between_sparse_rows(const struct nnf_kernels *kernels)
{
    enum { WIDTH = 100, INPUTS = 1000, ROWS = 4, ENTRIES = 8000000 };
    const struct nnf_net net = {
        .n_layers = 1,
        .widths = (const size_t[]){INPUTS, WIDTH},
        .activations = (const enum nnf_activation[]){NNF_IDENTITY},
        .loss = NNF_SQUARED_ERROR,
    };
    const size_t size = nnf_net_size(&net) * sizeof(float);
    float *parameters = take(size, 0), *moments = take(size, 0);
    float *targets = take(ROWS * WIDTH * sizeof *targets, 0);
    float *values = take(ENTRIES * sizeof *values, 0);
    int32_t *columns = take(ENTRIES * sizeof *columns, 0);
    int64_t starts[ROWS + 1] = {0};
    struct counter counter = {.wanted = 3};
    struct nnf_training training = training_of(&counter);
    struct nnf_data data = {
        .n_rows = ROWS,
        .inputs = values,
        .row_starts = starts,
        .columns = columns,
        .n_stored = ENTRIES,
        .targets = targets,
    };
    void *workspace = take(nnf_train_workspace(&net, kernels, &training, &data), 0);

    check(nnf_data_check(&net, &data) == NULL, "rows without entries are allowed");
    nnf_train(&net, kernels, &training, &data, parameters, moments, NULL, workspace);
    check(training.stop == NNF_STOP_ASKED, "poll comes where no row has an entry");

    counter = (struct counter){.wanted = 1};
    training.n_updates = 0;
    starts[1] = ENTRIES / 2;
    starts[2] = starts[3] = starts[4] = ENTRIES;
    nnf_train(&net, kernels, &training, &data, parameters, moments, NULL, workspace);
    check(training.n_updates == 0, "and between rows that are long");
    free(workspace);
    free(columns);
    free(values);
    free(targets);
    free(moments);
    free(parameters);
}

/* Epochs that were noted, and those that others were told of. */
static size_t n_noted, n_told;

static int
note_two(void *context, const struct nnf_training *training)
{
    (void)context;
    n_noted++;
    return training->n_epochs == 2;
}

static int
stop_after_two(void *context, const struct nnf_training *training, enum nnf_event event)
{
    (void)context;
    (void)event;
    n_told++;
    return training->n_epochs == 2;
}

/* Wherever in a fit poll says stop, after its last step too, the fit says so. */
static void
stops_are_told(const struct nnf_kernels *kernels)
{
    for (size_t rows = 20000; rows < 60000; rows += 4999) {
        struct counter counter = {.wanted = 1};
        struct nnf_training training = training_of(&counter);

        training.max_epochs = 1;
        check(is_stopped(kernels, training, rows, NULL) == (counter.calls > 0),
              "a stop is told");
    }
    for (size_t epochs = 1; epochs < 5; epochs++) {
        struct counter counter = {.wanted = SIZE_MAX};
        struct nnf_training training = training_of(&counter);

        training.max_epochs = epochs;
        training.on_epoch = stop_after_two;
        check(is_stopped(kernels, training, 7, NULL) == (epochs >= 2),
              "one at the end of an epoch too");
        training.on_epoch = NULL;
        training.note_epoch = note_two;
        check(is_stopped(kernels, training, 7, NULL) == (epochs >= 2),
              "and by whoever only takes note of it");
        training.on_epoch = stop_after_two;
        n_noted = n_told = 0;
        is_stopped(kernels, training, 7, NULL);
        check(n_noted == (epochs < 2 ? epochs : 2) && n_told == 1,
              "who stops by taking note is the last who is told");
    }
}

/* How many of n numbers, from the first on, are not zero; SIZE_MAX: not a beginning. */
static size_t
moved(const float *numbers, size_t n)
{
    size_t first = 0;

    while (first < n && numbers[first] != 0) {
        first++;
    }
    for (size_t i = first; i < n; i++) {
        if (numbers[i] != 0) {
            return SIZE_MAX;
        }
    }
    return first;
}

/* One step of a large network, of which every parameter moves from zero, until a poll
 * says stop: θ and moments have moved as far as each other. How far it came. */
static size_t
step_of_a_large_network(const struct nnf_kernels *kernels, struct counter *counter)
{
    enum { IN = 2500, OUT = 2000, SIZE = (IN + 1) * OUT };
    const struct nnf_net net = {
        .n_layers = 1,
        .widths = (const size_t[]){IN, OUT},
        .activations = (const enum nnf_activation[]){NNF_IDENTITY},
        .loss = NNF_SQUARED_ERROR,
    };
    struct nnf_training training = training_of(counter);
    float *parameters = take(SIZE * sizeof *parameters, 0);
    float *moments = take(SIZE * sizeof *moments, 0);
    float *inputs = take(IN * sizeof *inputs, 0),
          *targets = take(OUT * sizeof *targets, 0);
    const struct nnf_data data = {.n_rows = 1, .inputs = inputs, .targets = targets};
    void *workspace;
    size_t far;

    for (size_t i = 0; i < IN; i++) {
        inputs[i] = 1;
    }
    for (size_t i = 0; i < OUT; i++) {
        targets[i] = 1;
    }
    training.max_epochs = 1;
    workspace = take(nnf_train_workspace(&net, kernels, &training, &data), 0);
    nnf_train(&net, kernels, &training, &data, parameters, moments, NULL, workspace);
    far = moved(parameters, SIZE);
    check(moved(moments, SIZE) == far, "moments are those of the parameters");
    check(training.n_updates == (far == SIZE), "a step counts when it is whole");
    check((training.stop == NNF_STOP_ASKED) == (counter->calls == counter->wanted),
          "a stop within a step is told");
    free(workspace);
    free(targets);
    free(inputs);
    free(moments);
    free(parameters);
    return far;
}

/* Polls come within the step of a network of millions: before all, between, after.
 * Until it is done they come by what is counted, at the same places in every run: each
 * piece of work is as much as is done between two of them, so that nobody asks the
 * clock. */
static void
polls_come_within_a_large_step(const struct nnf_kernels *kernels)
{
    struct nnf_kernels impatient = *kernels;
    size_t most = 0, between = 0;
    struct counter counter;

    impatient.poll_work = 2e7;

    for (size_t wanted = 1;; wanted++) {
        size_t far;

        counter = (struct counter){.wanted = wanted};
        far = step_of_a_large_network(&impatient, &counter);
        between += most != 0 && far > most;
        check(far != SIZE_MAX && far >= most, "a later poll finds no less done");
        most = far;
        if (counter.calls < wanted) {
            break;
        }
    }
    check(between > 0, "one finds a part of the parameters done");
}

static void
null_polls_are_not_called(const struct nnf_kernels *kernels)
{
    enum { WIDTH = 600, ROWS = 2000 }; /* well above the work between two polls */
    const struct nnf_net net = {
        .n_layers = 2,
        .widths = (const size_t[]){WIDTH, WIDTH, 1},
        .activations = (const enum nnf_activation[]){NNF_RELU, NNF_IDENTITY},
        .loss = NNF_SQUARED_ERROR,
    };
    const struct nnf_poll no_function = {NULL, NULL};
    float *parameters = take(nnf_net_size(&net) * sizeof *parameters, 0);
    float *inputs = take((size_t)WIDTH * ROWS * sizeof *inputs, 0);
    float *outputs = take(ROWS * sizeof *outputs, 0);
    const struct nnf_data data = {.n_rows = ROWS, .inputs = inputs};
    void *workspace = take(nnf_predict_workspace(&net, kernels, &data, 1), 0);

    check(nnf_predict(&net, kernels, parameters, &data, outputs, 1, NULL, workspace),
          "no poll at all");
    check(nnf_predict(&net, kernels, parameters, &data, outputs, 1, &no_function,
                      workspace),
          "a poll without a function");
    free(workspace);
    free(outputs);
    free(inputs);
    free(parameters);
}

/* Answers, and at once, where a loop over tiles or runs would take years. */
static void
sizes_overflow_to_zero(const struct nnf_kernels *kernels)
{
    const struct nnf_net tiny = {
        .n_layers = 1,
        .widths = (const size_t[]){3, 1},
        .activations = (const enum nnf_activation[]){NNF_IDENTITY},
        .loss = NNF_SQUARED_ERROR,
    };
    const struct nnf_net vast = {
        .n_layers = 1,
        .widths = (const size_t[]){(size_t)1 << 28, (size_t)1 << 27},
        .activations = (const enum nnf_activation[]){NNF_IDENTITY},
        .loss = NNF_SQUARED_ERROR,
    };
    const struct nnf_net broad = {
        .n_layers = 1,
        .widths = (const size_t[]){SIZE_MAX >> 10, 1},
        .activations = (const enum nnf_activation[]){NNF_IDENTITY},
        .loss = NNF_SQUARED_ERROR,
    };
    const struct nnf_net wide = {
        .n_layers = 1,
        .widths = (const size_t[]){1, (size_t)1 << 55},
        .activations = (const enum nnf_activation[]){NNF_IDENTITY},
        .loss = NNF_SQUARED_ERROR,
    };
    struct counter counter = {.wanted = 1};
    struct nnf_training training = training_of(&counter);
    const struct nnf_bits bits = {.next_uint32 = NULL};
    struct nnf_data data = {.n_rows = SIZE_MAX / 4};

    training.shuffle = &bits;
    check(nnf_train_workspace(&tiny, kernels, &training, &data) == 0,
          "an order of so many rows");
    data.n_rows = SIZE_MAX / 12;
    check(nnf_train_workspace(&tiny, kernels, &training, &data) == 0,
          "one that has a size, but that no pointers could span");
    training.batch_size = SIZE_MAX;
    data.n_rows = SIZE_MAX / 64;
    check(nnf_train_workspace(&tiny, kernels, &training, &data) > 0,
          "a batch of so many rows is streamed");
    data.n_rows = 10;
    check(nnf_net_check(&vast) == NULL, "a network that memory could address");
    check(nnf_gradient_workspace(&vast, kernels, &data, 1) > 0, "and its workspace");
    check(nnf_net_check(&broad) == NULL, "another, of which");
    data.n_rows = 1000;
    check(nnf_gradient_workspace(&broad, kernels, &data, 1) == 0,
          "a tile is more than memory could address");
    check(nnf_train_workspace(&broad, kernels, &training, &data) == 0,
          "for training too");
    check(nnf_net_check(&wide) == NULL,
          "one of which it could not hold a few rows' outputs");
    check(nnf_gradient_workspace(&wide, kernels, &data, 1) == 0, "has no workspace");
    check(nnf_predict_workspace(&wide, kernels, &data, 1) == 0,
          "nor one of a prediction");
}

int
main(void)
{
    for (size_t i = 0; nnf_isa_name(i) != NULL; i++) {
        const struct nnf_kernels *kernels =
            nnf_kernels_find(nnf_isa_name(i), NNF_FLOAT32);

        if (kernels != NULL) {
            polls_come(kernels);
            polls_come_between_sparse_rows(kernels);
            stops_are_told(kernels);
            null_polls_are_not_called(kernels);
            polls_come_within_a_large_step(kernels);
            sizes_overflow_to_zero(kernels);
        }
    }
    return verdict();
}
