/* SPDX-License-Identifier: BSD-3-Clause */
#include "nnfast.h"

#include "activation.h"
#include "common.h"
#include "loss.h"

const char *
nnf_net_check(const struct nnf_net *net)
{
    size_t size = 0;

    if (net->n_layers == 0) {
        return "a network needs at least one layer with weights";
    }
    if ((int)net->loss < 0 || net->loss >= NNF_LOSSES) {
        return "the loss is unknown";
    }
    for (size_t l = 0; l < net->n_layers; l++) {
        enum nnf_activation activation = net->activations[l];

        if ((int)activation < 0 || activation >= NNF_ACTIVATIONS) {
            return "an activation is unknown";
        }
        if (l + 1 < net->n_layers && !nnf_activation_facts[activation].hidden) {
            return "exp and softmax are for the output layer only";
        }
    }
    for (size_t l = 0; l <= net->n_layers; l++) {
        if (net->widths[l] == 0) {
            return "every width must be at least 1";
        }
    }
    for (size_t l = 0; l < net->n_layers; l++) {
        /* Bytes of doubles, so that no later product of sizes can overflow. */
        if (net->widths[l] > SIZE_MAX / 128 ||
            net->widths[l + 1] > SIZE_MAX / 128 / (net->widths[l] + 1) ||
            !add_product(&size, (net->widths[l] + 1) * sizeof(double),
                         net->widths[l + 1]) ||
            size > PTRDIFF_MAX) {
            return "the network has more weights than memory can address";
        }
    }
    return nnf_loss_check(net);
}

size_t
nnf_net_size(const struct nnf_net *net)
{
    size_t size = 0;

    for (size_t l = 0; l < net->n_layers; l++) {
        size += (net->widths[l] + 1) * net->widths[l + 1];
    }
    return size;
}

const char *
nnf_inputs_check(const struct nnf_net *net, const struct nnf_data *data)
{
    int64_t first = 0, before = 0;

    if (data->row_starts == NULL) {
        return NULL;
    }
    for (size_t i = 0; i <= data->n_rows; i++) {
        int64_t start = data->row_starts[i];

        if (start < before || (uint64_t)start > data->n_stored) {
            return "the rows of a sparse matrix must start in order and end within "
                   "its stored values";
        }
        first = i == 0 ? start : first;
        before = start;
    }
    for (int64_t k = first; k < before; k++) {
        if (data->columns[k] < 0 || (size_t)data->columns[k] >= net->widths[0]) {
            return "every column of a sparse matrix must be the number of an input";
        }
    }
    return NULL;
}

const char *
nnf_targets_check(const struct nnf_net *net, const struct nnf_data *data)
{
    size_t outputs = net->widths[net->n_layers];

    if (data->n_rows == 0) {
        return "at least one row is needed";
    }
    if (data->targets != NULL) {
        return NULL;
    }
    if (data->labels == NULL) {
        return "targets or labels are needed";
    }
    if (net->activations[net->n_layers - 1] != NNF_SOFTMAX) {
        return "labels need a softmax output";
    }
    for (size_t i = 0; i < data->n_rows; i++) {
        if (data->labels[i] < 0 || (size_t)data->labels[i] >= outputs) {
            return "every label must be the number of an output";
        }
    }
    return NULL;
}

const char *
nnf_data_check(const struct nnf_net *net, const struct nnf_data *data)
{
    const char *flaw = data->n_rows == 0 ? NULL : nnf_inputs_check(net, data);

    return flaw == NULL ? nnf_targets_check(net, data) : flaw;
}

const char *
nnf_row_numbers_check(const struct nnf_data *data, size_t n, const int64_t *numbers)
{
    if (n == 0) {
        return "at least one row is needed";
    }
    for (size_t i = 0; i < n; i++) {
        if (numbers[i] < 0 || (uint64_t)numbers[i] >= data->n_rows) {
            return "every number must be that of a row";
        }
    }
    return NULL;
}
