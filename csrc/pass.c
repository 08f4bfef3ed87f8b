/* SPDX-License-Identifier: BSD-3-Clause */
#include "pass.h"

#include "rng.h"
#include "sparse.h"

/* Copies of weights pay where that many samples use them. */
#define PACK_SAMPLES ((size_t)64)

/* As many reals, fetched, take as long as to find a row that lies anywhere. */
#define LINE_REALS 8.0

/* Count the span's products for so many units. */
static bool
goes_on(const struct nnf_span *span, size_t d, size_t units)
{
    double n = (double)span->n;

    return !nnf_crew_stopped(
        span->crew, span->worker,
        ((double)d * (n + NNF_FETCH_WORK) + n * NNF_ACTIVATION_WORK) * (double)units);
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
    if (rows.order != NULL) { /* a line of each array */
        reals += LINE_REALS * ((tile->input ? 1 : 0) + (tile->targets ? 2 : 0));
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
    const struct nnf_kernels *kernels = plan->kernels;
    const struct nnf_activation_kernels *activation = layer->activation;
    bool packs = layer->block > 0 && span->n >= PACK_SAMPLES;
    size_t size = kernels->real_size, at_once = packs ? layer->block : layer->units;
    bool is_apart = layer->whole && at_once < layer->out;
    void *output = nnf_span_part(plan, span, layer->output);

    if (is_apart) {
        activation = &kernels->activations[NNF_IDENTITY];
    }
    for (size_t first = 0, units; first < layer->out; first += units) {
        size_t skip = first * plan->stride;

        units = min_size(at_once, layer->out - first);
        kernels->dense_forward(
            layer->in, layer->out, units, span->n,
            at_const(parameters, layer->weights + first, size),
            at_const(parameters, layer->biases + first, size),
            nnf_span_part(plan, span, input), at(output, skip, size), plan->stride,
            activation,
            slope == NULL ? NULL : at(nnf_span_part(plan, span, slope), skip, size),
            packs ? span->room : NULL);
        if (!goes_on(span, layer->in, units)) {
            return false;
        }
    }
    if (is_apart) {
        layer->activation->forward(layer->out, span->n, output, plan->stride);
    }
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
        void *slope = dropout == NULL ? NULL : layer->slope;

        if (!(input == NULL
                  ? nnf_sparse_forward(plan, parameters, span, slope)
                  : forward_layer(plan, layer, parameters, span, input, slope))) {
            return false;
        }
        if (dropout != NULL && layer->dropout > 0) {
            drop_units(plan, l, span, dropout);
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
    void *output = nnf_span_part(plan, span, layer->output);
    void *delta = nnf_span_part(plan, span, layer->delta);

    plan->loss(
        layer->out, span->n, output, nnf_span_part(plan, span, span->tile->targets),
        nnf_span_part(plan, span, span->tile->weights), delta,
        nnf_span_part(plan, span, plan->values), plan->stride, plan->net->huber_delta);
    if (layer->slope != NULL) {
        kernels->multiply(layer->out, span->n, nnf_span_part(plan, span, layer->slope),
                          delta, plan->stride);
    }
    else if (!plan->loss_matched) {
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
        .by_sample = layer->vectors == 0
                         ? NULL
                         : at(layer->turned, first * plan->kernels->lanes, size),
        .vectors = layer->vectors,
    };
}

/* What the weight gradient needs beside the delta of a layer that has just got one. */
static void
turn_layer(const struct nnf_plan *plan, const struct nnf_layer *layer,
           const struct nnf_span *span)
{
    const struct nnf_delta delta = delta_of(plan, layer, span->first);

    if (layer->vectors > 0) {
        plan->kernels->turn_delta(layer->out, span->n, &delta, plan->stride);
    }
}

static bool
backward_layer(const struct nnf_plan *plan, const struct nnf_layer *layer,
               const void *parameters, const struct nnf_layer *below,
               const struct nnf_span *span)
{
    size_t size = plan->kernels->real_size;
    void *output = nnf_span_part(plan, span, below->output);
    void *delta = nnf_span_part(plan, span, below->delta);

    for (size_t first = 0, units; first < layer->in; first += units) {
        size_t skip = first * plan->stride;

        units = min_size(below->deltas, layer->in - first);
        plan->kernels->dense_backward(
            units, layer->out, span->n,
            at_const(parameters, layer->weights + first * layer->out, size),
            nnf_span_part(plan, span, layer->delta),
            below->slope == NULL ? at(output, skip, size) : NULL, at(delta, skip, size),
            plan->stride, below->activation);
        if (!goes_on(span, layer->out, units)) {
            return false;
        }
    }
    return true;
}

bool
nnf_pass_backward(const struct nnf_plan *plan, const void *parameters,
                  const struct nnf_span *span)
{
    size_t last = plan->net->n_layers - 1;

    backward_output(plan, &plan->layers[last], span);
    turn_layer(plan, &plan->layers[last], span);
    for (size_t l = last; l > 0; l--) {
        const struct nnf_layer *layer = &plan->layers[l], *below = layer - 1;

        if (!backward_layer(plan, layer, parameters, below, span)) {
            return false;
        }
        turn_layer(plan, below, span);
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
