/* SPDX-License-Identifier: BSD-3-Clause */
#include "pass.h"

#include "loss.h"
#include "rng.h"

/* Sample `first` of a tile. */
static void *
samples(const struct nnf_plan *plan, void *tile, size_t first)
{
    return tile == NULL ? NULL : at(tile, first, plan->kernels->real_size);
}

void
nnf_pass_load(const struct nnf_plan *plan, const struct nnf_data *data,
              const size_t *order, size_t row, size_t n, const struct nnf_tile *tile,
              size_t first)
{
    const struct nnf_kernels *kernels = plan->kernels;
    size_t size = kernels->real_size, d = plan->net->widths[0];
    size_t h = plan->net->widths[plan->net->n_layers];
    size_t skip = order == NULL ? row : 0;

    kernels->load_rows(n, d, at_const(data->inputs, skip * d, size), order,
                       samples(plan, tile->input, first), plan->stride);
    if (tile->targets == NULL) {
        return;
    }
    if (data->targets != NULL) {
        kernels->load_rows(n, h, at_const(data->targets, skip * h, size), order,
                           samples(plan, tile->targets, first), plan->stride);
    }
    else {
        kernels->load_labels(n, h, data->labels + skip, order,
                             samples(plan, tile->targets, first), plan->stride);
    }
    kernels->load_weights(
        n, data->weights == NULL ? NULL : at_const(data->weights, skip, size), order,
        samples(plan, tile->weights, first));
}

/* One layer on samples [first, first + n). */
static void
forward_layer(const struct nnf_plan *plan, const struct nnf_layer *layer,
              const void *parameters, void *input, size_t first, size_t n, void *slope)
{
    size_t size = plan->kernels->real_size;

    plan->kernels->dense_forward(
        layer->in, layer->out, n, at_const(parameters, layer->weights, size),
        at_const(parameters, layer->biases, size), samples(plan, input, first),
        samples(plan, layer->output, first), plan->stride, layer->activation,
        samples(plan, slope, first));
}

void
nnf_pass_forward(const struct nnf_plan *plan, const void *parameters,
                 const struct nnf_tile *tile, size_t first, size_t n)
{
    void *input = tile->input;

    for (size_t l = 0; l < plan->net->n_layers; l++) {
        forward_layer(plan, &plan->layers[l], parameters, input, first, n, NULL);
        input = plan->layers[l].output;
    }
}

void
nnf_pass_forward_training(const struct nnf_plan *plan, const void *parameters,
                          const struct nnf_tile *tile, size_t first, size_t n,
                          const struct nnf_dropout *dropout)
{
    void *input = tile->input;

    for (size_t l = 0; l < plan->net->n_layers; l++) {
        const struct nnf_layer *layer = &plan->layers[l];

        forward_layer(plan, layer, parameters, input, first, n, layer->slope);
        if (layer->dropout > 0) {
            uint32_t key[2];

            nnf_dropout_key(dropout->seed, dropout->step, l, key);
            plan->kernels->dropout(layer->out, n, dropout->row + first, key,
                                   layer->dropout, samples(plan, layer->output, first),
                                   samples(plan, layer->slope, first), plan->stride);
        }
        input = layer->output;
    }
}

/* The delta of the output layer, and the losses. */
static void
backward_output(const struct nnf_plan *plan, const struct nnf_layer *layer,
                const struct nnf_tile *tile, size_t first, size_t n)
{
    const struct nnf_kernels *kernels = plan->kernels;
    const struct nnf_net *net = plan->net;
    void *output = samples(plan, layer->output, first);
    void *delta = samples(plan, layer->delta, first);

    kernels->losses[nnf_loss_form(net)](
        layer->out, n, output, samples(plan, tile->targets, first),
        samples(plan, tile->weights, first), delta, plan->values + first, plan->stride,
        net->huber_delta);
    if (layer->slope != NULL) {
        kernels->multiply(layer->out, n, samples(plan, layer->slope, first), delta,
                          plan->stride);
    }
    else if (!nnf_loss_matched(net)) {
        kernels->softmax_backward(layer->out, n, output, delta, plan->stride);
    }
}

/* The delta of the layer below. */
static void
backward_layer(const struct nnf_plan *plan, const struct nnf_layer *layer,
               const void *parameters, const struct nnf_layer *below, size_t first,
               size_t n)
{
    plan->kernels->dense_backward(
        layer->in, layer->out, n,
        at_const(parameters, layer->weights, plan->kernels->real_size),
        samples(plan, layer->delta, first),
        below->slope == NULL ? samples(plan, below->output, first) : NULL,
        samples(plan, below->delta, first), plan->stride, below->activation);
}

void
nnf_pass_backward(const struct nnf_plan *plan, const void *parameters,
                  const struct nnf_tile *tile, size_t first, size_t n)
{
    size_t last = plan->net->n_layers - 1;

    backward_output(plan, &plan->layers[last], tile, first, n);
    for (size_t l = last; l > 0; l--) {
        backward_layer(plan, &plan->layers[l], parameters, &plan->layers[l - 1], first,
                       n);
    }
}

/* The part of [begin, end) within [start, start + count), counted from start. */
static void
clip(size_t begin, size_t end, size_t start, size_t count, size_t *first, size_t *last)
{
    *first = min_size(count, begin > start ? begin - start : 0);
    *last = min_size(count, end > start ? end - start : 0);
}

void
nnf_pass_gradient(const struct nnf_plan *plan, const struct nnf_tile *tile, size_t n,
                  size_t begin, size_t end, void *gradient, bool accumulate)
{
    const struct nnf_kernels *kernels = plan->kernels;
    const void *input = tile->input;

    for (size_t l = 0; l < plan->net->n_layers; l++) {
        const struct nnf_layer *layer = &plan->layers[l];
        size_t first, last;

        clip(begin, end, layer->weights, layer->in * layer->out, &first, &last);
        kernels->weight_gradient(
            ceil_div(first, layer->out), ceil_div(last, layer->out), layer->out, n,
            input, layer->delta, plan->stride,
            at(gradient, layer->weights, kernels->real_size), accumulate);
        clip(begin, end, layer->biases, layer->out, &first, &last);
        kernels->bias_gradient(first, last, n, layer->delta, plan->stride,
                               at(gradient, layer->biases, kernels->real_size),
                               accumulate);
        input = layer->output;
    }
}
