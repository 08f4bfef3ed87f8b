/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A few training steps of three networks: steps ISA NETWORK takes those of one, so that
 * a profiler can count them; steps alone takes all, on every instruction set of this
 * CPU. Prints how many facts held; exits 0 only when all did.
 */
#include "nnfast.h"

#include "check.h"
#include "take.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct network {
    const char *name;
    struct nnf_net net;
    size_t n_rows, batch_size, n_epochs;
};

/* What costs most is different in each: what surrounds a step, a step's own tiles that
 * are not whole, and products. */
static const struct network networks[] = {
    {"2-4-1",
     {.n_layers = 2,
      .widths = (const size_t[]){2, 4, 1},
      .activations = (const enum nnf_activation[]){NNF_TANH, NNF_LOGISTIC},
      .loss = NNF_LOG_LOSS},
     200,
     200,
     100},
    {"64-100-10",
     {.n_layers = 2,
      .widths = (const size_t[]){64, 100, 10},
      .activations = (const enum nnf_activation[]){NNF_RELU, NNF_SOFTMAX},
      .loss = NNF_LOG_LOSS},
     320,
     32,
     2},
    {"784-100-10",
     {.n_layers = 2,
      .widths = (const size_t[]){784, 100, 10},
      .activations = (const enum nnf_activation[]){NNF_RELU, NNF_SOFTMAX},
      .loss = NNF_LOG_LOSS},
     200,
     200,
     1},
};

enum { N_NETWORKS = sizeof networks / sizeof networks[0] };

/* The same numbers every time, uniform in [-scale, scale). */
static float *
draw(size_t n, float scale)
{
    float *numbers = take(n * sizeof *numbers, 0);
    uint64_t state = 1;

    for (size_t i = 0; i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        numbers[i] = scale * ((float)(state >> 40) * 0x1p-23f - 1);
    }
    return numbers;
}

static void
take_steps(const struct network *network, const struct nnf_kernels *kernels)
{
    const struct nnf_net *net = &network->net;
    const size_t n = network->n_rows, size = nnf_net_size(net);
    const size_t outputs = net->widths[net->n_layers];
    float *inputs = draw(n * net->widths[0], 1), *parameters = draw(size, 0.1f);
    float *moments = take(nnf_solver_moments(NNF_ADAM) * size * sizeof *moments, 0);
    int64_t *labels = take(n * sizeof *labels, 0);
    float *targets = take(n * sizeof *targets, 0);
    struct nnf_data data = {.n_rows = n, .inputs = inputs};
    struct nnf_training training = {
        .solver = NNF_ADAM,
        .learning_rate_init = 0.001,
        .beta_1 = 0.9,
        .beta_2 = 0.999,
        .epsilon = 1e-8,
        .alpha = 1e-4,
        .batch_size = network->batch_size,
        .max_epochs = network->n_epochs,
        .n_iter_no_change = INFINITY,
        .n_threads = 1,
    };
    void *work;

    for (size_t i = 0; i < n; i++) {
        labels[i] = (int64_t)(i % (outputs == 1 ? 2 : outputs));
        targets[i] = (float)labels[i];
    }
    if (outputs == 1) {
        data.targets = targets;
    }
    else {
        data.labels = labels;
    }
    nnf_training_begin(&training);
    work = take(nnf_train_workspace(net, kernels, &training, &data), 0);
    nnf_train(net, kernels, &training, &data, parameters, moments, NULL, work);
    check(training.n_updates == network->n_epochs * ((n - 1) / network->batch_size + 1),
          "every step was taken");
    check(isfinite(training.loss) && training.best_loss <= training.loss,
          "and the loss is a number");
    free(work);
    free(targets);
    free(labels);
    free(moments);
    free(parameters);
    free(inputs);
}

int
main(int argc, char **argv)
{
    const char *isa;

    for (size_t i = 0; (isa = nnf_isa_name(i)) != NULL; i++) {
        const struct nnf_kernels *kernels = nnf_kernels_find(isa, NNF_FLOAT32);

        if (kernels == NULL || (argc == 3 && strcmp(argv[1], isa) != 0)) {
            continue;
        }
        for (size_t j = 0; j < N_NETWORKS; j++) {
            if (argc != 3 || strcmp(argv[2], networks[j].name) == 0) {
                take_steps(&networks[j], kernels);
            }
        }
    }
    return verdict();
}
