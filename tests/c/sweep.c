/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random networks on every instruction set of this CPU, for the sanitizers to watch.
 *
 * Widths, rows and batches fall on both sides of every vector and tile; all
 * activations, losses and solvers take part; every third X is sparse. Arrays have no
 * alignment but their type's and end where their last number does. The facts: gradients
 * agree with those of the baseline on the dense X, and three threads give the same bits
 * as one.
 */
#include "nnfast.h"

#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CASES = 150, MAX_LAYERS = 3, MAX_ROWS = 150, MAX_WIDTH = 70 };

static void
check_case(bool fact, const char *what, int number, const char *isa, enum nnf_real real)
{
    check(fact, what);
    if (!fact) {
        printf("  in case %d, %s, %s\n", number, isa,
               real == NNF_FLOAT32 ? "float32" : "float64");
    }
}

/* Memory: one list, emptied after each case. */

static void *blocks[512];
static size_t n_blocks;

static void *
keep(void *block)
{
    if (block == NULL || n_blocks == sizeof blocks / sizeof blocks[0]) {
        printf("FAILED: out of memory\n");
        exit(1);
    }
    return blocks[n_blocks++] = block;
}

/* Room for n numbers of that size, just off any vector's alignment. */
static void *
array(size_t n, size_t size)
{
    return (char *)keep(malloc((n + 1) * size)) + size;
}

static void *
workspace(size_t bytes)
{
    size_t whole = (bytes + NNF_ALIGNMENT - 1) / NNF_ALIGNMENT * NNF_ALIGNMENT;

    return memset(keep(aligned_alloc(NNF_ALIGNMENT, whole)), 0xff, whole);
}

static void
release(void)
{
    while (n_blocks > 0) {
        free(blocks[--n_blocks]);
    }
}

/* Chance. */

static uint32_t
next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

static size_t
below(uint64_t *state, size_t n)
{
    return next(state) % n;
}

/* n numbers in [low, high), the same in both real types. */
static void *
numbers(enum nnf_real real, size_t n, uint64_t seed, float low, float high)
{
    void *x = array(n, real == NNF_FLOAT32 ? sizeof(float) : sizeof(double));

    for (size_t i = 0; i < n; i++) {
        float value = low + (high - low) * (float)(next(&seed) >> 8) * 0x1p-24f;
        if (real == NNF_FLOAT32) {
            ((float *)x)[i] = value;
        }
        else {
            ((double *)x)[i] = (double)value;
        }
    }
    return x;
}

/* Make zeros and ones of n numbers: log_loss knows no others. */
static void
round_all(enum nnf_real real, size_t n, void *x)
{
    for (size_t i = 0; i < n; i++) {
        if (real == NNF_FLOAT32) {
            ((float *)x)[i] = ((float *)x)[i] >= 0.5f;
        }
        else {
            ((double *)x)[i] = ((double *)x)[i] >= 0.5;
        }
    }
}

/* One case. */

struct sample {
    int number;
    uint64_t seed;
    size_t widths[MAX_LAYERS + 1];
    enum nnf_activation activations[MAX_LAYERS];
    struct nnf_net net;
    size_t n_rows;
    int64_t *labels;
    bool sparse;
};

/* A network that passes its own check, drawn anew until one does. */
static void
draw_sample(struct sample *s)
{
    do {
        s->net.n_layers = 1 + below(&s->seed, MAX_LAYERS);
        s->net.widths = s->widths;
        s->net.activations = s->activations;
        s->net.loss = (enum nnf_loss)below(&s->seed, NNF_LOSSES);
        s->net.huber_delta = 0.5;
        for (size_t l = 0; l <= s->net.n_layers; l++) {
            s->widths[l] = 1 + below(&s->seed, below(&s->seed, 4) ? 20 : MAX_WIDTH);
        }
        for (size_t l = 0; l < s->net.n_layers; l++) {
            s->activations[l] = (enum nnf_activation)below(&s->seed, NNF_ACTIVATIONS);
        }
    } while (nnf_net_check(&s->net) != NULL);

    s->sparse = s->number % 3 == 0;
    s->n_rows = 1 + below(&s->seed, below(&s->seed, 2) ? 20 : MAX_ROWS);
    s->labels = NULL;
    if (s->activations[s->net.n_layers - 1] == NNF_SOFTMAX) {
        s->labels = array(s->n_rows, sizeof(int64_t));
        for (size_t i = 0; i < s->n_rows; i++) {
            s->labels[i] = (int64_t)below(&s->seed, s->widths[s->net.n_layers]);
        }
    }
}

/* Where an X that may be sparse holds no number. */
static bool
is_hole(uint64_t *seed)
{
    return below(seed, 3) > 0;
}

static void *
dense_inputs(const struct sample *s, enum nnf_real real)
{
    const size_t n = s->n_rows * s->widths[0];
    const size_t size = real == NNF_FLOAT32 ? sizeof(float) : sizeof(double);
    char *x = numbers(real, n, 1, -1, 1);
    uint64_t seed = s->seed;

    for (size_t i = 0; s->sparse && i < n; i++) {
        if (is_hole(&seed)) {
            memset(x + i * size, 0, size);
        }
    }
    return x;
}

/* The same X as a CSR matrix, each row from its last column to its first. */
static void
make_sparse(const struct sample *s, enum nnf_real real, struct nnf_data *data)
{
    const size_t n = s->n_rows, d = s->widths[0];
    const size_t size = real == NNF_FLOAT32 ? sizeof(float) : sizeof(double);
    const char *x = data->inputs;
    int64_t *starts = array(n + 1, sizeof *starts);
    uint64_t seed = s->seed;
    size_t stored = 0, k = 0;
    int32_t *columns;
    char *values;

    for (size_t i = 0; i < n * d; i++) {
        stored += !is_hole(&seed);
    }
    columns = array(stored, sizeof *columns);
    values = array(stored, size);
    seed = s->seed;
    for (size_t i = 0; i < n; i++) {
        const size_t start = k;

        starts[i] = (int64_t)k;
        for (size_t c = 0; c < d; c++) {
            if (!is_hole(&seed)) {
                memmove(columns + start + 1, columns + start,
                        (k - start) * sizeof *columns);
                memmove(values + (start + 1) * size, values + start * size,
                        (k - start) * size);
                columns[start] = (int32_t)c;
                memcpy(values + start * size, x + (i * d + c) * size, size);
                k++;
            }
        }
    }
    starts[n] = (int64_t)k;
    data->inputs = values;
    data->row_starts = starts;
    data->columns = columns;
    data->n_stored = stored;
    check_case(nnf_inputs_check(&s->net, data) == NULL, "a sparse X is allowed",
               s->number, "any", real);
}

static struct nnf_data
data_of(const struct sample *s, enum nnf_real real, bool sparse)
{
    const size_t n = s->n_rows, h = s->widths[s->net.n_layers];
    struct nnf_data data;
    void *targets = s->labels == NULL ? numbers(real, n * h, 2, 0, 1) : NULL;

    if (s->labels == NULL && s->net.loss == NNF_LOG_LOSS) {
        round_all(real, n * h, targets);
    }
    data = (struct nnf_data){
        .n_rows = n,
        .inputs = dense_inputs(s, real),
        .targets = targets,
        .labels = s->labels,
        .weights = s->number % 2 ? numbers(real, n, 3, 0, 2) : NULL,
    };
    if (sparse) {
        make_sparse(s, real, &data);
    }
    return data;
}

static void *
gradient(const struct sample *s, const struct nnf_kernels *kernels, enum nnf_real real,
         bool sparse, size_t n_threads)
{
    const size_t n = nnf_net_size(&s->net);
    const struct nnf_data data = data_of(s, real, sparse);
    void *g = numbers(real, n, 0, 0, 1);
    double objective;

    nnf_gradient(&s->net, kernels, numbers(real, n, 4, -0.5f, 0.5f), &data, 0.1, g,
                 &objective, n_threads, NULL,
                 workspace(nnf_gradient_workspace(&s->net, kernels, &data, n_threads)));
    return g;
}

static void *
outputs(const struct sample *s, const struct nnf_kernels *kernels, enum nnf_real real,
        size_t n_threads)
{
    const struct nnf_data data = data_of(s, real, s->sparse);
    void *p = numbers(real, s->n_rows * s->widths[s->net.n_layers], 0, 0, 1);

    nnf_predict(&s->net, kernels, numbers(real, nnf_net_size(&s->net), 4, -0.5f, 0.5f),
                &data, p, n_threads, NULL,
                workspace(nnf_predict_workspace(&s->net, kernels, &data, n_threads)));
    return p;
}

/* θ after two epochs with whatever settings the case's number chooses. */
static void *
trained(const struct sample *s, const struct nnf_kernels *kernels, enum nnf_real real,
        size_t n_threads)
{
    static const double rates[MAX_LAYERS - 1] = {0.3, 0.3};
    const size_t n = nnf_net_size(&s->net);
    const struct nnf_data data = data_of(s, real, s->sparse);
    uint64_t seed = s->seed;
    int64_t *backwards = array(s->n_rows, sizeof *backwards);
    const struct nnf_split split = {
        .n_training = s->n_rows,
        .n_held_out = s->n_rows,
        .training = backwards,
        .held_out = backwards,
        .weights = data.weights,
    };
    struct nnf_training training = {
        .solver = (enum nnf_solver)below(&seed, NNF_SOLVERS),
        .schedule = (enum nnf_schedule)below(&seed, NNF_SCHEDULES),
        .learning_rate_init = 0.01,
        .power_t = 0.5,
        .momentum = 0.9,
        .nesterov = below(&seed, 2) == 0,
        .beta_1 = 0.9,
        .beta_2 = 0.999,
        .epsilon = 1e-8,
        .alpha = below(&seed, 2) == 0 ? 0.01 : 0,
        .batch_size = 1 + below(&seed, s->n_rows),
        .max_epochs = 2,
        .n_iter_no_change = 10,
        .dropout = s->net.n_layers > 1 && below(&seed, 2) == 0 ? rates : NULL,
        .split = below(&seed, 2) == 0 ? &split : NULL,
        .score = s->labels != NULL ? NNF_ACCURACY : NNF_R2,
        .n_threads = n_threads,
    };
    void *theta = numbers(real, n, 4, -0.5f, 0.5f);

    for (size_t i = 0; i < s->n_rows; i++) {
        backwards[i] = (int64_t)(s->n_rows - 1 - i);
    }
    nnf_training_begin(&training);
    check_case(nnf_training_check(&s->net, &data, &training) == NULL,
               "the settings are allowed", s->number, nnf_kernels_isa(kernels), real);
    nnf_train(&s->net, kernels, &training, &data, theta, numbers(real, 2 * n, 0, 0, 0),
              numbers(real, n, 0, 0, 1),
              workspace(nnf_train_workspace(&s->net, kernels, &training, &data)));
    check_case(training.n_updates > 0, "something was learnt from", s->number,
               nnf_kernels_isa(kernels), real);
    return theta;
}

/* The largest difference of n numbers, as a share of the largest of b's. */
static double
difference(enum nnf_real real, size_t n, const void *a, const void *b)
{
    double worst = 0, largest = 0;

    for (size_t i = 0; i < n; i++) {
        double x = real == NNF_FLOAT32 ? (double)((const float *)a)[i]
                                       : ((const double *)a)[i];
        double y = real == NNF_FLOAT32 ? (double)((const float *)b)[i]
                                       : ((const double *)b)[i];
        if (!isfinite(x) || !isfinite(y)) {
            return INFINITY;
        }
        worst = fmax(worst, fabs(x - y));
        largest = fmax(largest, fabs(y));
    }
    return worst / largest;
}

/* Sums of up to 150 rows and 70 terms in another order: some units of rounding away
 * from each other (seen: 4e-7 and 4e-16). */
static void
check_sample(const struct sample *s, const char *isa, enum nnf_real real)
{
    const size_t size = real == NNF_FLOAT32 ? sizeof(float) : sizeof(double);
    const size_t n = nnf_net_size(&s->net), h = s->widths[s->net.n_layers];
    const struct nnf_kernels *kernels = nnf_kernels_find(isa, real);
    const void *alone = gradient(s, kernels, real, s->sparse, 1);
    const void *base = gradient(s, nnf_kernels_find("base", real), real, false, 1);
    double tolerance = real == NNF_FLOAT32 ? 4e-6 : 8e-15;

    check_case(difference(real, n, alone, base) < tolerance, "gradients agree",
               s->number, isa, real);
    check_case(memcmp(alone, gradient(s, kernels, real, s->sparse, 3), n * size) == 0,
               "three threads: the same gradient", s->number, isa, real);
    check_case(memcmp(outputs(s, kernels, real, 1), outputs(s, kernels, real, 3),
                      s->n_rows * h * size) == 0,
               "three threads: the same outputs", s->number, isa, real);
    check_case(memcmp(trained(s, kernels, real, 1), trained(s, kernels, real, 3),
                      n * size) == 0,
               "three threads: the same training", s->number, isa, real);
}

int
main(void)
{
    const char *isa;

    nnf_threads_force(true); /* so small, they would stay with one thread */
    for (int number = 0; number < CASES; number++) {
        struct sample s = {.number = number, .seed = (uint64_t)number};

        draw_sample(&s);
        for (size_t i = 0; (isa = nnf_isa_name(i)) != NULL; i++) {
            for (int real = NNF_FLOAT32; real <= NNF_FLOAT64; real++) {
                if (nnf_kernels_find(isa, (enum nnf_real)real) != NULL) {
                    check_sample(&s, isa, (enum nnf_real)real);
                }
            }
        }
        release();
    }
    return verdict();
}
