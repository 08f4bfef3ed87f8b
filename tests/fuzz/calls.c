/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A fuzz target: whatever passes the checks of the C API is predicted, differentiated
 * and learnt from without touching a byte that is not its own; what does not is refused
 * in words. Predictions have the same bits with several threads.
 */
#include "nnfast.h"

#include "bytes.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_LAYERS = 3, MOST_UNITS = 40, MOST_ROWS = 40, MOST_ENTRIES = 120 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One input's network and arrays; each array ends where its last number does. */
struct call {
    struct bytes bytes;
    size_t widths[MOST_LAYERS + 1];
    enum nnf_activation activations[MOST_LAYERS];
    struct nnf_net net;
    const struct nnf_kernels *kernels;
    enum nnf_real real;
    size_t n_threads;
};

/* ---- memory: one list, freed after each input ---- */

static void *blocks[64];
static size_t n_blocks;

static void *
keep(void *block)
{
    if (block == NULL || n_blocks == sizeof blocks / sizeof blocks[0]) {
        abort();
    }
    return blocks[n_blocks++] = block;
}

static void
free_all(void)
{
    while (n_blocks > 0) {
        free(blocks[--n_blocks]);
    }
}

static size_t
real_size(const struct call *call)
{
    return call->real == NNF_FLOAT32 ? sizeof(float) : sizeof(double);
}

static void *
reals(struct call *call, size_t n, double (*draw)(struct bytes *))
{
    void *block = keep(malloc(n == 0 ? 1 : n * real_size(call)));

    for (size_t i = 0; i < n; i++) {
        double x = draw(&call->bytes);

        if (call->real == NNF_FLOAT32) {
            ((float *)block)[i] = (float)x;
        }
        else {
            ((double *)block)[i] = x;
        }
    }
    return block;
}

static void *
workspace(size_t size)
{
    if (size == 0) {
        abort(); /* these sizes are far from any overflow */
    }
    /* Not a byte more than asked for: the tools then see one too many. */
    return memset(keep(aligned_alloc(NNF_ALIGNMENT, size)), 0xff, size);
}

/* ---- what is called with what ---- */

static double
zero_or_one(struct bytes *bytes)
{
    return a_byte(bytes) % 2;
}

static double
nothing(struct bytes *bytes)
{
    (void)bytes;
    return 0;
}

static bool
draw_net(struct call *call)
{
    static const enum nnf_activation outputs[] = {NNF_IDENTITY, NNF_SOFTMAX,
                                                  NNF_LOGISTIC, NNF_EXP};
    struct bytes *bytes = &call->bytes;
    size_t n_isas = 0;

    while (nnf_isa_name(n_isas) != NULL) {
        n_isas++;
    }
    call->net =
        (struct nnf_net){.widths = call->widths, .activations = call->activations};
    call->net.n_layers = a_byte(bytes) % MOST_LAYERS + 1;
    for (size_t l = 0; l <= call->net.n_layers; l++) {
        call->widths[l] = a_byte(bytes) % MOST_UNITS + 1;
    }
    for (size_t l = 0; l < call->net.n_layers; l++) {
        call->activations[l] = (enum nnf_activation)(a_byte(bytes) % NNF_EXP);
    }
    call->activations[call->net.n_layers - 1] = outputs[a_byte(bytes) % 4];
    call->net.loss = (enum nnf_loss)(a_byte(bytes) % NNF_LOSSES);
    call->net.huber_delta = a_share(bytes);
    call->real = a_byte(bytes) % 2 == 0 ? NNF_FLOAT32 : NNF_FLOAT64;
    call->kernels = nnf_kernels_find(nnf_isa_name(a_byte(bytes) % n_isas), call->real);
    /* Rarely: helpers that wait take most of the time. */
    call->n_threads = a_byte(bytes) == 1 ? 3 : 1;
    return call->kernels != NULL && nnf_net_check(&call->net) == NULL;
}

/* Offsets and columns are as wild as the fuzzer likes. */
static void
draw_sparse(struct call *call, struct nnf_data *data)
{
    struct bytes *bytes = &call->bytes;
    size_t n = a_byte(bytes) % MOST_ENTRIES;
    int64_t *starts = keep(malloc((data->n_rows + 1) * sizeof *starts));
    int32_t *columns = keep(malloc(n * sizeof *columns + 1));
    bool wild = a_byte(bytes) % 8 == 1;

    for (size_t i = 0; i <= data->n_rows; i++) {
        starts[i] =
            wild ? (int8_t)a_byte(bytes) : (int64_t)(i * n / (data->n_rows + 1));
    }
    for (size_t k = 0; k < n; k++) {
        columns[k] =
            wild ? (int8_t)a_byte(bytes) : (int32_t)(a_byte(bytes) % call->widths[0]);
    }
    data->inputs = reals(call, n, a_number);
    data->row_starts = starts;
    data->columns = columns;
    data->n_stored = n;
}

static struct nnf_data
draw_data(struct call *call, bool sparse)
{
    struct bytes *bytes = &call->bytes;
    struct nnf_data data = {.n_rows = a_byte(bytes) % MOST_ROWS};
    size_t outputs = call->widths[call->net.n_layers];
    uint8_t kind = a_byte(bytes);

    if (sparse) {
        draw_sparse(call, &data);
    }
    else {
        data.inputs = reals(call, data.n_rows * call->widths[0], a_number);
    }
    if (kind % 2 == 0) {
        data.targets =
            reals(call, data.n_rows * outputs, kind % 4 == 0 ? a_number : zero_or_one);
    }
    else {
        int64_t *labels = keep(malloc(data.n_rows * sizeof *labels + 1));

        for (size_t i = 0; i < data.n_rows; i++) {
            uint8_t label = a_byte(bytes);

            labels[i] = label < 250 ? (int64_t)(label % outputs) : label - 252;
        }
        data.labels = labels;
    }
    if (kind & 64) {
        data.weights = reals(call, data.n_rows, kind & 128 ? a_number : zero_or_one);
    }
    return data;
}

static void
predict(struct call *call, const struct nnf_data *data, const void *theta)
{
    const struct nnf_net *net = &call->net;
    size_t n = data->n_rows * call->widths[net->n_layers];
    void *once = reals(call, n, nothing), *again = reals(call, n, nothing);
    size_t one = nnf_predict_workspace(net, call->kernels, data, 1);
    size_t more = nnf_predict_workspace(net, call->kernels, data, call->n_threads);

    if (!nnf_predict(net, call->kernels, theta, data, once, 1, NULL, workspace(one)) ||
        !nnf_predict(net, call->kernels, theta, data, again, call->n_threads, NULL,
                     workspace(more)) ||
        memcmp(once, again, n * real_size(call)) != 0) {
        abort();
    }
}

static void
differentiate(struct call *call, const struct nnf_data *data, const void *theta)
{
    const struct nnf_net *net = &call->net;
    void *gradient = reals(call, nnf_net_size(net), nothing);
    double alpha = a_share(&call->bytes), objective;
    size_t size = nnf_gradient_workspace(net, call->kernels, data, call->n_threads);

    nnf_gradient(net, call->kernels, theta, data, alpha, gradient, &objective,
                 call->n_threads, NULL, workspace(size));
}

static uint32_t
next_uint32(void *state)
{
    uint64_t *bits = state;

    *bits = *bits * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*bits >> 32);
}

static int
countdown(void *left)
{
    return (*(uint8_t *)left)-- == 0;
}

static int
epoch_ends(void *left, const struct nnf_training *training, enum nnf_event event)
{
    return (training->n_epochs == 0 && event == NNF_EVENT_NONE) || countdown(left);
}

static int
epoch_is_noted(void *left, const struct nnf_training *training)
{
    return training->n_epochs == 0 || countdown(left);
}

/* Numbers of rows, or nearly. */
static int64_t *
draw_row_numbers(struct call *call, size_t n, size_t n_rows)
{
    struct bytes *bytes = &call->bytes;
    int64_t *numbers = keep(malloc(n * sizeof *numbers + 1));

    for (size_t i = 0; i < n; i++) {
        uint8_t number = a_byte(bytes);

        numbers[i] = number < 252 ? (int64_t)(number % n_rows) : number - 253;
    }
    return numbers;
}

static struct nnf_split
draw_split(struct call *call, size_t n_rows)
{
    struct nnf_split split = {
        .n_training = a_byte(&call->bytes) % MOST_ROWS,
        .n_held_out = a_byte(&call->bytes) % MOST_ROWS,
    };

    split.training = draw_row_numbers(call, split.n_training, n_rows);
    split.held_out = draw_row_numbers(call, split.n_held_out, n_rows);
    if (a_byte(&call->bytes) % 2 == 0) {
        split.weights = reals(call, n_rows, a_number);
    }
    return split;
}

static void
train(struct call *call, const struct nnf_data *data, void *theta)
{
    const struct nnf_net *net = &call->net;
    struct bytes *bytes = &call->bytes;
    size_t n = nnf_net_size(net);
    double dropout[MOST_LAYERS];
    uint64_t state = a_byte(bytes);
    const struct nnf_bits bits = {next_uint32, &state};
    const struct nnf_split split = draw_split(call, data->n_rows);
    uint8_t left = a_byte(bytes), choices = a_byte(bytes);
    struct nnf_training training = {
        .solver = (enum nnf_solver)(a_byte(bytes) % NNF_SOLVERS),
        .schedule = (enum nnf_schedule)(a_byte(bytes) % NNF_SCHEDULES),
        .learning_rate_init = a_share(bytes),
        .power_t = a_share(bytes),
        .momentum = a_share(bytes),
        .nesterov = choices & 1,
        .beta_1 = a_share(bytes),
        .beta_2 = a_share(bytes),
        .epsilon = choices & 2 ? a_share(bytes) : 1e-8,
        .alpha = a_share(bytes),
        .batch_size = a_size(bytes, 50),
        .max_epochs = a_byte(bytes) % 6,
        .tol = a_share(bytes),
        .n_iter_no_change = a_byte(bytes) % 4,
        .dropout = choices & 4 ? dropout : NULL,
        .dropout_seed = state,
        .shuffle = choices & 8 ? &bits : NULL,
        .split = choices & 32 ? &split : NULL,
        .score = (enum nnf_score)(a_byte(bytes) % NNF_SCORES),
        .n_threads = call->n_threads,
        .poll = {choices & 64 ? countdown : NULL, &left},
        .note_epoch = choices & 16 ? epoch_is_noted : NULL,
        .on_epoch = choices & 128 ? epoch_ends : NULL,
        .epoch_context = &left,
    };
    void *moments = reals(call, nnf_solver_moments(training.solver) * n, nothing);
    void *best = reals(call, n, nothing);
    const char *flaw;
    bool finite;

    for (size_t l = 0; l + 1 < net->n_layers; l++) {
        dropout[l] = a_share(bytes);
    }
    nnf_training_begin(&training);
    flaw = nnf_training_check(net, data, &training);
    if (flaw == NULL && training.split != NULL) {
        flaw = nnf_row_numbers_check(data, split.n_training, split.training);
    }
    if (flaw == NULL && training.split != NULL) {
        flaw = nnf_row_numbers_check(data, split.n_held_out, split.held_out);
    }
    if (flaw != NULL) {
        if (*flaw == '\0') {
            abort();
        }
        return;
    }
    nnf_train(net, call->kernels, &training, data, theta, moments, best,
              workspace(nnf_train_workspace(net, call->kernels, &training, data)));
    finite = nnf_all_finite(call->kernels, n, theta);
    if (training.n_epochs > training.max_epochs ||
        (training.stop == NNF_STOP_MAX_EPOCHS &&
         (training.n_epochs != training.max_epochs ||
          (training.split == NULL && !finite))) ||
        (training.stop == NNF_STOP_NOT_FINITE && finite)) {
        abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct call call = {.bytes = {data, size}};

    nnf_threads_force(true); /* or so small a task stays with one thread */
    if (draw_net(&call)) {
        void *theta = reals(&call, nnf_net_size(&call.net), a_number);
        struct nnf_data rows = draw_data(&call, a_byte(&call.bytes) % 4 == 1);

        if (nnf_data_check(&call.net, &rows) == NULL) {
            predict(&call, &rows, theta);
            differentiate(&call, &rows, theta);
            train(&call, &rows, theta);
        }
    }
    free_all();
    return 0;
}
