/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A C program that trains networks with nothing but nnfast.h.
 *
 * For every instruction set of this CPU, both real types and two networks: the
 * gradient is the slope of the objective, Adam learns a task that no linear model
 * can, and neither threads nor neighbouring rows change a bit. Prints how many facts
 * held; exits 0 only when all did.
 */
#include "nnfast.h"

#include "check.h"
#include "take.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 50, INPUTS = 2, MOST = 128 }; /* MOST: the longest θ here */

struct task {
    const char *name;
    struct nnf_net net;
    bool labels; /* targets are class numbers */
};

static const struct task tasks[] = {
    {"binary",
     {.n_layers = 2,
      .widths = (const size_t[]){INPUTS, 8, 1},
      .activations = (const enum nnf_activation[]){NNF_TANH, NNF_LOGISTIC},
      .loss = NNF_LOG_LOSS},
     false},
    {"classes",
     {.n_layers = 3,
      .widths = (const size_t[]){INPUTS, 9, 5, 2},
      .activations = (const enum nnf_activation[]){NNF_GELU, NNF_TANH, NNF_SOFTMAX},
      .loss = NNF_LOG_LOSS},
     true},
};

/* One task in one real type on one instruction set; the arrays hold that type. */
struct bench {
    const struct task *task;
    const struct nnf_kernels *kernels;
    enum nnf_real real;
    size_t size; /* of one number */
    void *inputs, *targets;
    struct nnf_data data;
};

/* A fact about one of them. */
static void
check_bench(const struct bench *b, bool fact, const char *what)
{
    check(fact, what);
    if (!fact) {
        printf("  of %s, %s, %s\n", b->task->name, nnf_kernels_isa(b->kernels),
               b->real == NNF_FLOAT32 ? "float32" : "float64");
    }
}

static double
get(const struct bench *b, const void *array, size_t i)
{
    return b->real == NNF_FLOAT32 ? (double)((const float *)array)[i]
                                  : ((const double *)array)[i];
}

static void
put(const struct bench *b, void *array, size_t i, double x)
{
    if (b->real == NNF_FLOAT32) {
        ((float *)array)[i] = (float)x;
    }
    else {
        ((double *)array)[i] = x;
    }
}

/* Uniform in [-1, 1), and a float32 too: both real types get the same numbers. */
static double
uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 41) * 0x1p-22 - 1;
}

static void
draw(const struct bench *b, void *array, size_t n, uint64_t seed, double scale)
{
    for (size_t i = 0; i < n; i++) {
        put(b, array, i, scale * uniform(&seed));
    }
}

/* XOR of the signs of two coordinates. */
static void
bench_begin(struct bench *b)
{
    static int64_t labels[ROWS];

    b->size = b->real == NNF_FLOAT32 ? sizeof(float) : sizeof(double);
    b->inputs = take(ROWS * INPUTS * b->size, 0xff);
    b->targets = take(ROWS * b->size, 0xff);
    draw(b, b->inputs, ROWS * INPUTS, 1, 1);
    for (size_t i = 0; i < ROWS; i++) {
        double x = get(b, b->inputs, INPUTS * i), y = get(b, b->inputs, INPUTS * i + 1);
        labels[i] = x * y > 0;
        put(b, b->targets, i, (double)labels[i]);
    }
    b->data = (struct nnf_data){
        .n_rows = ROWS,
        .inputs = b->inputs,
        .targets = b->task->labels ? NULL : b->targets,
        .labels = b->task->labels ? labels : NULL,
    };
}

static void
bench_end(struct bench *b)
{
    free(b->inputs);
    free(b->targets);
}

static double
objective(const struct bench *b, const void *theta, void *gradient)
{
    const struct nnf_net *net = &b->task->net;
    void *work = take(nnf_gradient_workspace(net, b->kernels, &b->data, 1), 0xff);
    double value = NAN;

    check_bench(b,
                nnf_gradient(net, b->kernels, theta, &b->data, 0.1, gradient, &value, 1,
                             NULL, work),
                "a gradient that nobody stops is computed");
    free(work);
    return value;
}

/* At the step h a central difference of doubles is wrong by about h² in the
 * objective's third derivative and 1e-16 / h in its rounding: 1e-10 at 1e-5. In
 * floats it would drown in rounding, so they are held against the doubles: their
 * 50 terms differ by some units of 6e-8. */
static void
check_gradient(const struct bench *b)
{
    const size_t n = nnf_net_size(&b->task->net);
    struct bench exact = *b;
    double theta[MOST], slope[MOST], ignored[MOST], worst = 0;
    const double h = 1e-5, tolerance = b->real == NNF_FLOAT32 ? 2e-6 : 1e-8;
    void *theta_b = take(n * b->size, 0xff), *gradient = take(n * b->size, 0xff);

    exact.real = NNF_FLOAT64;
    exact.kernels = nnf_kernels_find(nnf_kernels_isa(b->kernels), NNF_FLOAT64);
    bench_begin(&exact);
    draw(&exact, theta, n, 2, 1);
    for (size_t i = 0; i < n; i++) {
        double x = theta[i];
        theta[i] = x + h;
        slope[i] = objective(&exact, theta, ignored);
        theta[i] = x - h;
        slope[i] = (slope[i] - objective(&exact, theta, ignored)) / (2 * h);
        theta[i] = x;
    }
    bench_end(&exact);

    draw(b, theta_b, n, 2, 1);
    objective(b, theta_b, gradient);
    for (size_t i = 0; i < n; i++) {
        worst = fmax(worst, fabs(get(b, gradient, i) - slope[i]));
    }
    check_bench(b, worst < tolerance, "the gradient is the objective's slope");
    free(theta_b);
    free(gradient);
}

/* θ after so many epochs of Adam in batches that do not divide the rows. */
static struct nnf_training
train(const struct bench *b, void *theta, size_t max_epochs, size_t n_threads)
{
    const struct nnf_net *net = &b->task->net;
    const size_t n = nnf_net_size(net), moments = nnf_solver_moments(NNF_ADAM);
    struct nnf_training training = {
        .solver = NNF_ADAM,
        .learning_rate_init = 0.02,
        .beta_1 = 0.9,
        .beta_2 = 0.999,
        .epsilon = 1e-8,
        .alpha = 1e-4,
        .batch_size = 16,
        .max_epochs = max_epochs,
        .n_iter_no_change = INFINITY,
        .n_threads = n_threads,
    };
    void *state = take(moments * n * b->size, 0), *work;

    draw(b, theta, n, 3, 0.5);
    nnf_training_begin(&training);
    check_bench(b, nnf_training_check(net, &b->data, &training) == NULL,
                "the settings act together");
    work = take(nnf_train_workspace(net, b->kernels, &training, &b->data), 0xff);
    nnf_train(net, b->kernels, &training, &b->data, theta, state, NULL, work);
    free(state);
    free(work);
    return training;
}

static void
predict(const struct bench *b, const void *theta, size_t first, size_t n_rows,
        size_t n_threads, void *outputs)
{
    const struct nnf_net *net = &b->task->net;
    const struct nnf_data data = {
        .n_rows = n_rows,
        .inputs = (const char *)b->inputs + first * INPUTS * b->size,
    };
    void *work = take(nnf_predict_workspace(net, b->kernels, &data, n_threads), 0xff);

    check_bench(
        b, nnf_predict(net, b->kernels, theta, &data, outputs, n_threads, NULL, work),
        "a prediction that nobody stops is made");
    free(work);
}

static void
check_training(const struct bench *b)
{
    const struct nnf_net *net = &b->task->net;
    const size_t n = nnf_net_size(net), h = net->widths[net->n_layers];
    const size_t row = h * b->size;
    void *theta = take(n * b->size, 0xff), *again = take(n * b->size, 0xff);
    char *outputs = take(ROWS * row, 0xff), *alone = take(ROWS * row, 0xff);
    struct nnf_training done;
    size_t right = 0;

    train(b, theta, 5, 1);
    train(b, again, 5, 2);
    check_bench(b, memcmp(theta, again, n * b->size) == 0,
                "two threads give the same bits");

    done = train(b, theta, 300, 1);
    check_bench(b, done.stop == NNF_STOP_MAX_EPOCHS && done.n_epochs == 300,
                "every epoch is trained");
    check_bench(b, done.n_updates == 300 * 4 && done.n_seen == 300 * ROWS,
                "steps and rows are counted");
    check_bench(b, done.loss < 0.1, "the loss is low in the end");

    predict(b, theta, 0, ROWS, 1, outputs);
    for (size_t i = 0; i < ROWS; i++) {
        bool one = get(b, outputs, i * h + h - 1) > 0.5;
        right += one == (get(b, b->targets, i) > 0.5);
        predict(b, theta, i, 1, 1, alone + i * row);
    }
    check_bench(b, right >= ROWS - 1, "the task is learnt");
    check_bench(b, memcmp(outputs, alone, ROWS * row) == 0,
                "a row alone has the same bits");
    for (size_t few = 2; few <= 16; few++) {
        predict(b, theta, 1, few, 1, alone);
        check_bench(b, memcmp(outputs + row, alone, few * row) == 0,
                    "so have few rows");
    }
    predict(b, theta, 0, ROWS, 2, alone);
    check_bench(b, memcmp(outputs, alone, ROWS * row) == 0,
                "two threads predict the same");
    free(theta);
    free(again);
    free(outputs);
    free(alone);
}

/* Which NaN a sum of NaNs of both signs is depends on the order of its operands, and
 * rows alone take other instructions. */
static void
check_not_a_number(const struct bench *b)
{
    const struct nnf_net *net = &b->task->net;
    const size_t n = nnf_net_size(net), n_outputs = ROWS * net->widths[net->n_layers];
    void *theta = take(n * b->size, 0xff);
    char *outputs = take(n_outputs * b->size, 0xff), *alone = take(2 * b->size, 0xff);
    bool same = true;

    for (size_t i = 0; i < n; i++) {
        put(b, theta, i, i % 3 == 0 ? -(double)NAN : (double)NAN);
    }
    predict(b, theta, 0, ROWS, 1, outputs);
    predict(b, theta, 0, 1, 1, alone);
    for (size_t i = 0; i < n_outputs; i++) {
        same = same && memcmp(outputs + i * b->size, alone, b->size) == 0;
    }
    check_bench(b, same && isnan(get(b, alone, 0)), "there is one NaN only");
    free(theta);
    free(outputs);
    free(alone);
}

int
main(void)
{
    const char *isa;

    nnf_threads_force(true); /* so small, they would stay with one thread */
    for (size_t i = 0; (isa = nnf_isa_name(i)) != NULL; i++) {
        for (size_t j = 0; j < 2 * sizeof(tasks) / sizeof(tasks[0]); j++) {
            struct bench b = {.task = &tasks[j / 2],
                              .real = j % 2 == 0 ? NNF_FLOAT32 : NNF_FLOAT64};
            b.kernels = nnf_kernels_find(isa, b.real);
            if (b.kernels == NULL) {
                continue; /* not on this CPU */
            }
            check_bench(&b, nnf_net_check(&b.task->net) == NULL,
                        "the network is sound");
            check_bench(&b, nnf_net_size(&b.task->net) <= MOST, "the network is small");
            bench_begin(&b);
            check_bench(&b, nnf_data_check(&b.task->net, &b.data) == NULL,
                        "so are its data");
            check_gradient(&b);
            check_training(&b);
            check_not_a_number(&b);
            bench_end(&b);
        }
    }
    return verdict();
}
