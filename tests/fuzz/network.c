/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A fuzz target: any network is refused in words or has a size, and then workspaces for
 * any number of rows either have one too or overflow to none.
 */
#include "nnfast.h"

#include "bytes.h"

#include <stdlib.h>

enum { MOST_LAYERS = 5 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size};
    size_t widths[MOST_LAYERS + 1];
    enum nnf_activation activations[MOST_LAYERS];
    struct nnf_net net = {.widths = widths, .activations = activations};
    struct nnf_data rows = {0};
    struct nnf_training training = {.max_epochs = 1};
    const struct nnf_kernels *kernels;
    const char *flaw;
    int64_t starts[1] = {0};

    net.n_layers = a_byte(&bytes) % (MOST_LAYERS + 1);
    for (size_t l = 0; l <= net.n_layers; l++) {
        widths[l] = a_size(&bytes, 200);
    }
    for (size_t l = 0; l < net.n_layers; l++) {
        activations[l] = (enum nnf_activation)(a_byte(&bytes) % (NNF_ACTIVATIONS + 2));
    }
    net.loss = (enum nnf_loss)(a_byte(&bytes) % (NNF_LOSSES + 2));
    net.huber_delta = a_number(&bytes);
    flaw = nnf_net_check(&net);
    if (flaw != NULL) {
        if (*flaw == '\0') {
            abort();
        }
        return 0;
    }
    if (nnf_net_size(&net) == 0) {
        abort();
    }
    kernels =
        nnf_kernels_find(NULL, a_byte(&bytes) % 2 == 0 ? NNF_FLOAT32 : NNF_FLOAT64);
    rows.n_rows = a_size(&bytes, 200);
    rows.row_starts = a_byte(&bytes) % 2 == 0 ? NULL : starts;
    training.solver = (enum nnf_solver)(a_byte(&bytes) % NNF_SOLVERS);
    training.batch_size = a_size(&bytes, 200);
    training.n_threads = a_size(&bytes, 8);
    training.alpha = a_share(&bytes);
    if (rows.n_rows > 0 && training.batch_size > 0 && training.n_threads > 0) {
        nnf_train_workspace(&net, kernels, &training, &rows);
        nnf_gradient_workspace(&net, kernels, &rows, training.n_threads);
        nnf_predict_workspace(&net, kernels, &rows, training.n_threads);
    }
    return 0;
}
