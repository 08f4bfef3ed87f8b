/* SPDX-License-Identifier: BSD-3-Clause */
#include "pass.h"

#include "loss.h"
#include "rng.h"
#include "sparse.h"

/* Copies of weights pay where that many samples use them. */
#define PACK_SAMPLES ((size_t)64)

/* The row of ones below the d units of a tile, by which gradients of biases are like
 * those of weights. */
static void
add_ones(const struct nnf_plan *plan, const struct nnf_span *span, size_t d, void *tile)
{
    void *ones = at(tile, d * plan->stride, plan->kernels->real_size);

    plan->kernels->load_weights(span->n, NULL, NULL, nnf_span_part(plan, span, ones));
}

/* Count one layer's product over the span; that of sparse inputs counts itself. */
static bool
goes_on(const struct nnf_plan *plan, const struct nnf_span *span,
        const struct nnf_layer *layer)
{
    bool sparse = layer->weights == 0 && plan->sparse;
    double n = (double)span->n, h = (double)layer->out;
    double d = sparse ? 0 : (double)layer->in;

    return !nnf_crew_stopped(span->crew, span->worker,
                             d * h * (n + NNF_FETCH_WORK) +
                                 n * h * NNF_ACTIVATION_WORK);
}

bool
nnf_pass_load(const struct nnf_plan *plan, const struct nnf_span *span)
{
    const struct nnf_kernels *kernels = plan->kernels;
    const struct nnf_tile *tile = span->tile;
    const struct nnf_rows rows = nnf_span_rows(span);
    const struct nnf_data *data = rows.data;
    size_t size = kernels->real_size, d = plan->net->widths[0];
    size_t h = plan->net->widths[plan->net->n_layers];
    double reals = (tile->input ? (double)d : 0) + (tile->targets ? (double)h + 1 : 0);

    if (tile->input != NULL) {
        kernels->load_rows(rows.n, d, at_const(data->inputs, rows.first * d, size),
                           rows.order, nnf_span_part(plan, span, tile->input),
                           plan->stride);
    }
    if (tile->input != NULL && tile->targets != NULL) {
        add_ones(plan, span, d, tile->input);
    }
    if (tile->targets != NULL) {
        void *targets = nnf_span_part(plan, span, tile->targets);

        if (data->targets != NULL) {
            kernels->load_rows(rows.n, h, at_const(data->targets, rows.first * h, size),
                               rows.order, targets, plan->stride);
        }
        else {
            kernels->load_labels(rows.n, h, data->labels + rows.first, rows.order,
                                 targets, plan->stride);
        }
        kernels->load_weights(
            rows.n,
            data->weights == NULL ? NULL : at_const(data->weights, rows.first, size),
            rows.order, nnf_span_part(plan, span, tile->weights));
    }
    return !nnf_crew_stopped(span->crew, span->worker,
                             (double)span->n * reals * NNF_FETCH_WORK);
}

/* Forward: one layer, then its dropout. */
static bool
forward_layer(const struct nnf_plan *plan, const struct nnf_layer *layer,
              const void *parameters, const struct nnf_span *span, void *input,
              void *slope)
{
    size_t size = plan->kernels->real_size;
    struct nnf_packing packing = {.packed = span->room};

    if (input == NULL) {
        return nnf_sparse_forward(plan, parameters, span, slope);
    }
    if (span->n >= PACK_SAMPLES) {
        packing.block = layer->block;
    }
    plan->kernels->dense_forward(
        layer->in, layer->out, span->n, at_const(parameters, layer->weights, size),
        at_const(parameters, layer->biases, size), nnf_span_part(plan, span, input),
        nnf_span_part(plan, span, layer->output), plan->stride, layer->activation,
        nnf_span_part(plan, span, slope), &packing);
    return true;
}

static void
drop_units(const struct nnf_plan *plan, size_t l, const struct nnf_span *span,
           const struct nnf_dropout *dropout)
{
    const struct nnf_layer *layer = &plan->layers[l];
    uint32_t key[2];

    nnf_dropout_key(dropout->seed, dropout->step, l, key);
    plan->kernels->dropout(layer->out, span->n, dropout->row + span->first, key,
                           layer->dropout, nnf_span_part(plan, span, layer->output),
                           nnf_span_part(plan, span, layer->slope), plan->stride);
}

bool
nnf_pass_forward(const struct nnf_plan *plan, const void *parameters,
                 const struct nnf_span *span, const struct nnf_dropout *dropout)
{
    void *input = span->tile->input;

    for (size_t l = 0; l < plan->net->n_layers; l++) {
        const struct nnf_layer *layer = &plan->layers[l];

        if (!forward_layer(plan, layer, parameters, span, input,
                           dropout == NULL ? NULL : layer->slope)) {
            return false;
        }
        if (dropout != NULL && layer->dropout > 0) {
            drop_units(plan, l, span, dropout);
        }
        if (dropout != NULL && l + 1 < plan->net->n_layers) {
            add_ones(plan, span, layer->out, layer->output);
        }
        if (!goes_on(plan, span, layer)) {
            return false;
        }
        input = layer->output;
    }
    return true;
}

/* Backward: the delta of the output layer and the losses, then layer by layer. */
static void
backward_output(const struct nnf_plan *plan, const struct nnf_layer *layer,
                const struct nnf_span *span)
{
    const struct nnf_kernels *kernels = plan->kernels;
    const struct nnf_net *net = plan->net;
    void *output = nnf_span_part(plan, span, layer->output);
    void *delta = nnf_span_part(plan, span, layer->delta);

    kernels->losses[nnf_loss_form(net)](
        layer->out, span->n, output, nnf_span_part(plan, span, span->tile->targets),
        nnf_span_part(plan, span, span->tile->weights), delta,
        plan->values + span->first, plan->stride, net->huber_delta);
    if (layer->slope != NULL) {
        kernels->multiply(layer->out, span->n, nnf_span_part(plan, span, layer->slope),
                          delta, plan->stride);
    }
    else if (!nnf_loss_matched(net)) {
        kernels->softmax_backward(layer->out, span->n, output, delta, plan->stride);
    }
}

/* The layer's delta for its weight gradient, from sample `first` of the tile on. */
static struct nnf_delta
delta_of(const struct nnf_plan *plan, const struct nnf_layer *layer, size_t first)
{
    size_t size = plan->kernels->real_size;

    return (struct nnf_delta){
        .by_unit = at(layer->delta, first, size),
        .by_sample = at(layer->turned, first * plan->kernels->lanes, size),
        .vectors = layer->vectors,
    };
}

/* What the weight gradient needs beside the delta of a layer that has just got one. */
static void
turn_layer(const struct nnf_plan *plan, const struct nnf_layer *layer,
           const struct nnf_span *span)
{
    const struct nnf_delta delta = delta_of(plan, layer, span->first);

    plan->kernels->turn_delta(layer->out, span->n, &delta, plan->stride);
}

static void
backward_layer(const struct nnf_plan *plan, const struct nnf_layer *layer,
               const void *parameters, const struct nnf_layer *below,
               const struct nnf_span *span)
{
    plan->kernels->dense_backward(
        layer->in, layer->out, span->n,
        at_const(parameters, layer->weights, plan->kernels->real_size),
        nnf_span_part(plan, span, layer->delta),
        below->slope == NULL ? nnf_span_part(plan, span, below->output) : NULL,
        nnf_span_part(plan, span, below->delta), plan->stride, below->activation);
}

bool
nnf_pass_backward(const struct nnf_plan *plan, const void *parameters,
                  const struct nnf_span *span)
{
    size_t last = plan->net->n_layers - 1;

    backward_output(plan, &plan->layers[last], span);
    turn_layer(plan, &plan->layers[last], span);
    for (size_t l = last; l > 0; l--) {
        backward_layer(plan, &plan->layers[l], parameters, &plan->layers[l - 1], span);
        turn_layer(plan, &plan->layers[l - 1], span);
        if (!goes_on(plan, span, &plan->layers[l])) {
            return false;
        }
    }
    if (plan->sparse) {
        nnf_sparse_backward(plan, span);
    }
    return true;
}

/* Rows of the layer's gradient that begin before that entry of θ. */
static size_t
rows_before(const struct nnf_layer *layer, size_t entry)
{
    size_t rows = layer->in + 1, from = layer->weights;

    if (entry <= from) {
        return 0;
    }
    return entry - from >= rows * layer->out ? rows
                                             : ceil_div(entry - from, layer->out);
}

bool
nnf_pass_gradient(const struct nnf_plan *plan, const struct nnf_span *span,
                  size_t begin, size_t end, void *gradient, bool accumulate)
{
    const struct nnf_kernels *kernels = plan->kernels;
    const void *input = span->tile->input;

    for (size_t l = 0; l < plan->net->n_layers; l++) {
        const struct nnf_layer *layer = &plan->layers[l];
        const struct nnf_delta delta = delta_of(plan, layer, 0);

        kernels->weight_gradient(
            rows_before(layer, begin), rows_before(layer, end), layer->out,
            nnf_span_rows(span).n, input, &delta, plan->stride,
            at(gradient, layer->weights, kernels->real_size), accumulate);
        input = layer->output;
    }
    return !nnf_crew_stopped(span->crew, span->worker,
                             (double)(end - begin) *
                                 ((double)span->n + NNF_FETCH_WORK));
}
