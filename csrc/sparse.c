/* SPDX-License-Identifier: BSD-3-Clause */
#include "sparse.h"

#include <string.h>

/* Row i. What the check has seen may have been changed since by the caller: no entry
 * beyond the stored ones is read. */
static struct nnf_entries
row_at(const struct nnf_plan *plan, const struct nnf_rows *rows, size_t i)
{
    const struct nnf_data *data = rows->data;
    const int64_t *starts = data->row_starts + nnf_row_number(rows, i);
    size_t begin = min_size((size_t)starts[0], data->n_stored);
    size_t end = min_size((size_t)starts[1], data->n_stored);

    return (struct nnf_entries){
        .count = end > begin ? end - begin : 0,
        .columns = data->columns + begin,
        .values = at_const(data->inputs, begin, plan->kernels->real_size),
    };
}

/* Sample i's place in the buffer. */
static void *
sample_at(const struct nnf_plan *plan, size_t i)
{
    return at(plan->samples, i * plan->layers[0].out, plan->kernels->real_size);
}

/* Count what one row's entries, and moving its sums, cost over h units. */
static bool
goes_on(const struct nnf_span *span, size_t count, size_t h)
{
    double entries = (double)count, units = (double)h;

    return !nnf_crew_stopped(span->crew, span->worker,
                             entries * (NNF_SCATTERED_WORK * units + NNF_FETCH_WORK) +
                                 units * NNF_FETCH_WORK);
}

bool
nnf_sparse_forward(const struct nnf_plan *plan, const void *parameters,
                   const struct nnf_span *span, void *slope)
{
    const struct nnf_kernels *kernels = plan->kernels;
    const struct nnf_layer *layer = &plan->layers[0];
    const struct nnf_rows rows = nnf_span_rows(span);
    const void *weights = at_const(parameters, layer->weights, kernels->real_size);
    const void *biases = at_const(parameters, layer->biases, kernels->real_size);
    void *output = nnf_span_part(plan, span, layer->output);

    for (size_t i = 0; i < rows.n; i++) {
        const struct nnf_entries entries = row_at(plan, &rows, i);

        kernels->row_forward(layer->in, layer->out, &entries, weights, biases,
                             sample_at(plan, span->first + i));
        if (!goes_on(span, entries.count, layer->out)) {
            return false;
        }
    }
    kernels->load_rows(rows.n, layer->out, sample_at(plan, span->first), NULL, output,
                       plan->stride);
    if (slope != NULL) {
        layer->activation->forward_slope(layer->out, span->n, output,
                                         nnf_span_part(plan, span, slope),
                                         plan->stride);
    }
    else {
        layer->activation->forward(layer->out, span->n, output, plan->stride);
    }
    return true;
}

void
nnf_sparse_backward(const struct nnf_plan *plan, const struct nnf_span *span)
{
    const struct nnf_layer *layer = &plan->layers[0];

    plan->kernels->store_rows(nnf_span_rows(span).n, layer->out,
                              nnf_span_part(plan, span, layer->delta), plan->stride,
                              sample_at(plan, span->first));
}

/* Columns [first, last) of the weights' and the biases' rows. False: stopped. */
static bool
clear_columns(const struct nnf_plan *plan, const struct nnf_span *span, size_t first,
              size_t last, void *gradient)
{
    const struct nnf_layer *layer = &plan->layers[0];
    size_t size = plan->kernels->real_size;

    for (size_t c = 0; c <= layer->in; c++) {
        memset(at(gradient, c * layer->out + first, size), 0, (last - first) * size);
        if (nnf_crew_stopped(span->crew, span->worker, (double)(last - first))) {
            return false;
        }
    }
    return true;
}

bool
nnf_sparse_gradient(const struct nnf_plan *plan, const struct nnf_span *span,
                    size_t first, size_t last, void *gradient, bool accumulate)
{
    const struct nnf_layer *layer = &plan->layers[0];
    const struct nnf_rows rows = nnf_span_rows(span);

    if (!accumulate && !clear_columns(plan, span, first, last, gradient)) {
        return false;
    }
    for (size_t i = 0; i < rows.n; i++) {
        const struct nnf_entries entries = row_at(plan, &rows, i);

        plan->kernels->sparse_gradient(layer->in, layer->out, &entries,
                                       sample_at(plan, span->first + i), first, last,
                                       gradient);
        if (!goes_on(span, entries.count, last - first)) {
            return false;
        }
    }
    return true;
}
