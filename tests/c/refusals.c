/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the checks of the C API refuse, in which words, and the limits that they still
 * take; and names. Prints how many facts held; exits 0 only when all did.
 */
#include "nnfast.h"

#include "check.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define BELOW(enumeration) ((enum enumeration)(-1))
#define WEIGHTS "the network has more weights than memory can address"

/* Whether a sentence is the one, both null when nothing is wrong. */
static bool
says(const char *sentence, const char *expected)
{
    return expected == NULL ? sentence == NULL
                            : sentence != NULL && strcmp(sentence, expected) == 0;
}

/* Two layers, of which some is changed. */

struct network {
    const char *flaw;
    size_t n_layers;
    size_t widths[3];
    enum nnf_activation activations[2];
    enum nnf_loss loss;
    double huber_delta;
};

static const struct network networks[] = {
    {NULL, 2, {2, 3, 1}, {NNF_TANH, NNF_IDENTITY}, NNF_SQUARED_ERROR, 0},
    {NULL, 1, {1, 1}, {NNF_IDENTITY}, NNF_ABSOLUTE_ERROR, 0},
    {"a network needs at least one layer with weights", 0, {1}, {0}, 0, 0},
    {"the loss is unknown", 2, {2, 3, 1}, {NNF_TANH, NNF_IDENTITY}, NNF_LOSSES, 0},
    {"the loss is unknown", 2, {2, 3, 1}, {NNF_TANH, NNF_IDENTITY}, BELOW(nnf_loss), 0},
    {"an activation is unknown", 2, {2, 3, 1}, {NNF_ACTIVATIONS, NNF_IDENTITY}, 1, 0},
    {"an activation is unknown", 2, {2, 3, 1}, {NNF_TANH, NNF_ACTIVATIONS}, 1, 0},
    {"an activation is unknown", 2, {2, 3, 1}, {NNF_TANH, BELOW(nnf_activation)}, 1, 0},
    {"exp and softmax are for the output layer only",
     2,
     {2, 3, 1},
     {NNF_EXP, NNF_IDENTITY},
     NNF_SQUARED_ERROR,
     0},
    {"exp and softmax are for the output layer only",
     2,
     {2, 3, 2},
     {NNF_SOFTMAX, NNF_SOFTMAX},
     NNF_LOG_LOSS,
     0},
    {"every width must be at least 1", 2, {0, 3, 1}, {NNF_TANH, NNF_IDENTITY}, 1, 0},
    {"every width must be at least 1", 2, {2, 0, 1}, {NNF_TANH, NNF_IDENTITY}, 1, 0},
    {"every width must be at least 1", 2, {2, 3, 0}, {NNF_TANH, NNF_IDENTITY}, 1, 0},
    {WEIGHTS, 2, {SIZE_MAX, 3, 1}, {NNF_TANH, NNF_IDENTITY}, NNF_SQUARED_ERROR, 0},
    {WEIGHTS, 2, {2, SIZE_MAX / 128, 1}, {NNF_TANH, NNF_IDENTITY}, 1, 0},
    {WEIGHTS, 2, {2, 3, SIZE_MAX / 128}, {NNF_TANH, NNF_IDENTITY}, 1, 0},
    {WEIGHTS, 2, {1024, SIZE_MAX >> 16, 1}, {NNF_TANH, NNF_IDENTITY}, 1, 0},
    {NULL, 1, {3, 1}, {NNF_LOGISTIC}, NNF_LOG_LOSS, 0},
    {NULL, 1, {3, 2}, {NNF_SOFTMAX}, NNF_LOG_LOSS, 0},
    {"log_loss needs a logistic or softmax output", 1, {3, 1}, {NNF_TANH}, 0, 0},
    {NULL, 1, {3, 1}, {NNF_LOGISTIC}, NNF_BRIER, 0},
    {NULL, 1, {3, 2}, {NNF_SOFTMAX}, NNF_BRIER, 0},
    {"brier needs a logistic or softmax output", 1, {3, 1}, {NNF_RELU}, NNF_BRIER, 0},
    {NULL, 1, {3, 1}, {NNF_EXP}, NNF_POISSON, 0},
    {NULL, 1, {3, 1}, {NNF_SOFTPLUS}, NNF_POISSON, 0},
    {NULL, 1, {3, 1}, {NNF_LOGISTIC}, NNF_POISSON, 0},
    {"poisson needs an output that is always positive: exp, softplus or logistic",
     1,
     {3, 1},
     {NNF_RELU},
     NNF_POISSON,
     0},
    {"poisson needs an output that is always positive: exp, softplus or logistic",
     1,
     {3, 2},
     {NNF_SOFTMAX},
     NNF_POISSON,
     0},
    {NULL, 1, {3, 1}, {NNF_IDENTITY}, NNF_HUBER, DBL_MIN},
    {NULL, 1, {3, 1}, {NNF_IDENTITY}, NNF_HUBER, DBL_MAX},
    {"huber_delta must be positive and finite", 1, {3, 1}, {0}, NNF_HUBER, 0},
    {"huber_delta must be positive and finite", 1, {3, 1}, {0}, NNF_HUBER, INFINITY},
    {"huber_delta must be positive and finite", 1, {3, 1}, {0}, NNF_HUBER, NAN},
    {"a softmax output needs log_loss or brier", 1, {3, 2}, {NNF_SOFTMAX}, 1, 0},
    {"a softmax output needs log_loss or brier", 1, {3, 2}, {NNF_SOFTMAX}, 4, 1},
    {"a softmax output needs log_loss or brier", 1, {3, 2}, {NNF_SOFTMAX}, 5, 0},
};

static void
networks_are_checked(void)
{
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
        const struct network *n = &networks[i];
        const struct nnf_net net = {n->n_layers, n->widths, n->activations, n->loss,
                                    n->huber_delta};

        check(says(nnf_net_check(&net), n->flaw),
              n->flaw == NULL ? "a sound network" : n->flaw);
    }
}

/* Two layers of this network take 3/32 of what can be addressed, and half is allowed.
 */
static void
layers_are_added_up(void)
{
    enum { MOST = 12 };
    size_t widths[MOST + 1];
    enum nnf_activation activations[MOST] = {NNF_IDENTITY};
    struct nnf_net net = {
        .widths = widths, .activations = activations, .loss = NNF_SQUARED_ERROR};

    for (size_t l = 0; l <= MOST; l++) {
        widths[l] = l % 2 == 0 ? 1 : SIZE_MAX / 256;
    }
    net.n_layers = 10;
    check(says(nnf_net_check(&net), NULL), "five pairs of layers");
    net.n_layers = 12;
    check(says(nnf_net_check(&net), WEIGHTS), "six pairs are too many");
}

static const struct nnf_net classes = {
    .n_layers = 2,
    .widths = (const size_t[]){2, 4, 3},
    .activations = (const enum nnf_activation[]){NNF_TANH, NNF_SOFTMAX},
    .loss = NNF_LOG_LOSS,
};

static void
data_are_checked(void)
{
    static const double numbers[12];
    static const int64_t labels[] = {0, 2, 1, 0}, low[] = {0, -1}, high[] = {0, 3};
    static const int64_t starts[] = {0, 1, 3}, negative[] = {-1, 1, 3};
    static const int64_t falling[] = {0, 2, 1}, beyond[] = {0, 1, 4};
    static const int32_t columns[] = {0, 1, 0}, left[] = {0, -1, 0},
                         right[] = {0, 1, 2};
    const struct nnf_net one = {
        .n_layers = 1,
        .widths = classes.widths,
        .activations = (const enum nnf_activation[]){NNF_IDENTITY},
        .loss = NNF_SQUARED_ERROR,
    };
    struct nnf_data dense = {.n_rows = 2, .inputs = numbers, .labels = labels};
    struct nnf_data sparse = dense;
    const char *order =
        "the rows of a sparse matrix must start in order and end within its stored "
        "values";
    const char *number =
        "every column of a sparse matrix must be the number of an input";

    check(says(nnf_data_check(&classes, &dense), NULL), "labels");
    check(says(nnf_data_check(&one, &dense), "labels need a softmax output"),
          "labels for an identity");
    dense.labels = low;
    check(says(nnf_data_check(&classes, &dense),
               "every label must be the number of an output"),
          "a negative label");
    dense.labels = high;
    check(says(nnf_data_check(&classes, &dense),
               "every label must be the number of an output"),
          "a label beyond the outputs");
    dense.labels = NULL;
    check(says(nnf_data_check(&classes, &dense), "targets or labels are needed"),
          "nothing to learn");
    dense.targets = numbers;
    check(says(nnf_data_check(&one, &dense), NULL), "targets");
    dense.n_rows = 0;
    check(says(nnf_data_check(&one, &dense), "at least one row is needed"), "no row");

    sparse.row_starts = starts;
    sparse.columns = columns;
    sparse.n_stored = 3;
    check(says(nnf_data_check(&classes, &sparse), NULL), "a sparse matrix");
    sparse.row_starts = negative;
    check(says(nnf_data_check(&classes, &sparse), order), "a start below zero");
    sparse.row_starts = falling;
    check(says(nnf_inputs_check(&classes, &sparse), order), "starts that fall");
    sparse.row_starts = beyond;
    check(says(nnf_inputs_check(&classes, &sparse), order), "an end beyond the stored");
    sparse.row_starts = starts;
    sparse.columns = left;
    check(says(nnf_inputs_check(&classes, &sparse), number), "a column below zero");
    sparse.columns = right;
    check(says(nnf_inputs_check(&classes, &sparse), number), "a column too many");
    sparse.n_stored = 2;
    sparse.row_starts = (const int64_t[]){0, 1, 2};
    check(says(nnf_inputs_check(&classes, &sparse), NULL),
          "but not one behind the end");
}

static void
row_numbers_are_checked(void)
{
    static const int64_t low[] = {3, -1}, high[] = {3, 4}, good[] = {3, 0, 3};
    const struct nnf_data data = {.n_rows = 4};
    const char *flaw = "every number must be that of a row";

    check(says(nnf_row_numbers_check(&data, 3, good), NULL), "numbers of rows");
    check(says(nnf_row_numbers_check(&data, 2, low), flaw), "a row below zero");
    check(says(nnf_row_numbers_check(&data, 2, high), flaw), "a row beyond the last");
    check(says(nnf_row_numbers_check(&data, 1, high), NULL), "which is not looked at");
    check(says(nnf_row_numbers_check(&data, 0, good), "at least one row is needed"),
          "no row");
}

/* A setting that is a real number: its place, what it may be, what it may not. */
static const struct {
    size_t offset;
    double good[2], bad[3];
    const char *flaw;
} numbers[] = {
#define NUMBER(member, good_1, good_2, bad_1, bad_2, text)                             \
    {                                                                                  \
        offsetof(struct nnf_training, member), {good_1, good_2}, {bad_1, bad_2, NAN},  \
            #member " must be " text                                                   \
    }
    NUMBER(learning_rate_init, DBL_MIN, DBL_MAX, 0, INFINITY, "positive and finite"),
    NUMBER(learning_rate, 0, DBL_MAX, -DBL_MIN, INFINITY, "finite and not negative"),
    NUMBER(power_t, 0, DBL_MAX, -DBL_MIN, INFINITY, "finite and not negative"),
    NUMBER(momentum, 0, 1, -DBL_MIN, 1 + DBL_EPSILON, "from 0 to 1"),
    NUMBER(beta_1, 0, 1 - DBL_EPSILON, -DBL_MIN, 1, "at least 0 and less than 1"),
    NUMBER(beta_2, 0, 1 - DBL_EPSILON, -DBL_MIN, 1, "at least 0 and less than 1"),
    NUMBER(epsilon, DBL_MIN, DBL_MAX, 0, INFINITY, "positive and finite"),
    NUMBER(alpha, 0, DBL_MAX, -DBL_MIN, INFINITY, "finite and not negative"),
    NUMBER(tol, 0, INFINITY, -DBL_MIN, -INFINITY, "at least 0"),
    NUMBER(n_iter_no_change, 1, INFINITY, 1 - DBL_EPSILON, -1, "at least 1"),
};

static void
settings_are_checked(void)
{
    static const double zeros[12];
    static const int64_t labels[2];
    const struct nnf_data data = {.n_rows = 2, .inputs = zeros, .labels = labels};
    const struct nnf_data targets = {.n_rows = 2, .inputs = zeros, .targets = zeros};
    const struct nnf_split split = {
        .n_training = 2, .n_held_out = 2, .training = labels, .held_out = labels};
    const struct nnf_training sound = {
        .learning_rate_init = 1,
        .epsilon = 1,
        .n_iter_no_change = 1,
        .batch_size = 1,
        .max_epochs = 1,
        .n_threads = 1,
    };
    struct nnf_training t = sound;
    double rate;

#define SAYS(sentence)                                                                 \
    check(says(nnf_training_check(&classes, &data, &t), sentence), "settings");        \
    t = sound
    SAYS(NULL);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        double *number = (double *)(void *)((char *)&t + numbers[i].offset);

        for (size_t k = 0; k < 2; k++) {
            *number = numbers[i].good[k];
            SAYS(NULL);
        }
        for (size_t k = 0; k < 3; k++) {
            *number = numbers[i].bad[k];
            SAYS(numbers[i].flaw);
        }
    }
    t.solver = NNF_SOLVERS;
    SAYS("the solver is unknown");
    t.solver = BELOW(nnf_solver);
    SAYS("the solver is unknown");
    t.schedule = NNF_SCHEDULES;
    SAYS("the learning-rate schedule is unknown");
    t.schedule = BELOW(nnf_schedule);
    SAYS("the learning-rate schedule is unknown");
    t.score = NNF_SCORES;
    SAYS("the score is unknown");
    t.score = BELOW(nnf_score);
    SAYS("the score is unknown");
    t.score = NNF_R2;
    SAYS(NULL);
    t.split = &split;
    SAYS(NULL);
    t.split = &split;
    t.score = NNF_R2;
    SAYS("score 'r2' needs targets, not labels");
    t.split = &split;
    t.score = NNF_R2;
    check(says(nnf_training_check(&classes, &targets, &t), NULL), "targets for r2");
    t = sound;
    t.batch_size = 0;
    SAYS("batch_size must be at least 1");
    t.max_epochs = 0;
    SAYS("max_iter, the number of epochs, must be at least 1");
    t.n_threads = 0;
    SAYS("n_threads must be at least 1");
    for (rate = 0; rate < 1; rate += 0.25) {
        t.dropout = &rate;
        SAYS(NULL);
    }
    t.dropout = &rate; /* 1 by now */
    SAYS("a dropout rate must be at least 0 and less than 1");
    rate = -DBL_MIN;
    t.dropout = &rate;
    SAYS("a dropout rate must be at least 0 and less than 1");
#undef SAYS
}

static void
training_begins_afresh(void)
{
    struct nnf_training t = {.learning_rate_init = 0.5,
                             .learning_rate = 9,
                             .n_updates = 9,
                             .n_seen = 9,
                             .no_improvement = 9};

    nnf_training_begin(&t);
    check(t.learning_rate == 0.5 && t.n_updates == 0 && t.n_seen == 0 &&
              t.no_improvement == 0,
          "counters and the rate are at their start");
    check(t.best_loss == (double)INFINITY && t.best_score == -(double)INFINITY,
          "nothing is the best yet");
    check(nnf_solver_moments(NNF_SGD) == 1 && nnf_solver_moments(NNF_ADAM) == 2,
          "a velocity, or two moments");
}

static void
names_are_found(void)
{
    for (enum nnf_activation i = 0; i < NNF_ACTIVATIONS; i++) {
        check(nnf_activation_find(nnf_activation_name(i)) == i, "an activation's name");
        check(nnf_activation_is_hidden(i) == (i != NNF_EXP && i != NNF_SOFTMAX),
              "where it may be");
    }
    for (enum nnf_loss i = 0; i < NNF_LOSSES; i++) {
        check(nnf_loss_find(nnf_loss_name(i)) == i, "a loss's name");
    }
    check(nnf_activation_find("step") == NNF_ACTIVATIONS, "no activation");
    check(nnf_loss_find("hinge") == NNF_LOSSES, "no loss");
    check(nnf_kernels_find("mmx", NNF_FLOAT32) == NULL, "no instruction set");
    check(strcmp(nnf_isa_name(0), "base") == 0, "the baseline");
}

static void
sizes_are_told(void)
{
    const struct nnf_net wide = {
        .n_layers = 1,
        .widths = (const size_t[]){1, SIZE_MAX / 256},
        .activations = (const enum nnf_activation[]){NNF_IDENTITY},
        .loss = NNF_SQUARED_ERROR,
    };
    const struct nnf_data rows = {.n_rows = 10000};

    check(nnf_net_check(&wide) == NULL, "weights that can be addressed");
    check(nnf_net_size(&classes) == (2 + 1) * 4 + (4 + 1) * 3, "weights and biases");
    check(nnf_predict_workspace(&wide, nnf_kernels_find(NULL, NNF_FLOAT32), &rows, 1) ==
              0,
          "so many units of so many rows overflow");
    nnf_threads_set_limit(0);
    check(nnf_threads_limit() == 1, "one thread at least");
    nnf_threads_set_limit(7);
    check(nnf_threads_limit() == 7, "the limit that was set");
    nnf_threads_set_limit(SIZE_MAX);
    check(nnf_threads_limit() == 256, "as many as there may be");
}

int
main(void)
{
    networks_are_checked();
    layers_are_added_up();
    data_are_checked();
    row_numbers_are_checked();
    settings_are_checked();
    training_begins_afresh();
    names_are_found();
    sizes_are_told();
    return verdict();
}
