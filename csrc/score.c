/* SPDX-License-Identifier: BSD-3-Clause */
#include "score.h"

#include <math.h>

/* What judging a row costs beside predicting it: each output, and to find its targets
 * and its weight anywhere in memory. */
#define OUTPUT_NANOSECONDS 4.0
#define ROW_NANOSECONDS 100.0

static double
value_at(const struct nnf_plan *plan, const void *array, size_t i)
{
    return real_at(plan->kernels->real, array, i);
}

static double
weight_of(const struct nnf_scoring *scoring, const struct nnf_plan *plan, size_t row)
{
    return scoring->weights == NULL ? 1 : value_at(plan, scoring->weights, row);
}

static size_t
n_outputs(const struct nnf_plan *plan)
{
    return plan->net->widths[plan->net->n_layers];
}

void
nnf_scoring_plan(struct nnf_scoring *scoring, const struct nnf_plan *plan,
                 struct arena *arena)
{
    size_t h = n_outputs(plan);

    nnf_order_plan(&scoring->held_out, arena);
    scoring->outputs = arena_take(arena, plan->tile_rows * plan->kernels->real_size, h);
    scoring->mean = arena_take(arena, h, sizeof(double));
    scoring->spread = arena_take(arena, h, sizeof(double));
    scoring->error = arena_take(arena, h, sizeof(double));
}

/* Count rows that were looked at. */
static bool
goes_on(struct nnf_crew *crew, size_t n_rows, size_t h)
{
    double each = OUTPUT_NANOSECONDS * (double)h + ROW_NANOSECONDS;

    return !nnf_crew_spent(crew, each * (double)n_rows);
}

bool
nnf_scoring_begin(struct nnf_scoring *scoring, const struct nnf_plan *plan,
                  struct nnf_crew *crew)
{
    const void *targets = scoring->data->targets;
    const size_t *rows = scoring->held_out.rows;
    size_t n = scoring->held_out.n_rows, h = n_outputs(plan);
    double total = 0;

    if (!nnf_order_begin(&scoring->held_out, scoring->data->n_rows, crew)) {
        return false;
    }
    if (scoring->score != NNF_R2) {
        return true;
    }
    for (size_t c = 0; c < h; c++) {
        scoring->mean[c] = scoring->spread[c] = 0;
    }
    for (size_t i = 0; i < n && goes_on(crew, 1, h); i++) {
        double weight = weight_of(scoring, plan, rows[i]);

        total += weight;
        for (size_t c = 0; c < h; c++) {
            scoring->mean[c] += weight * value_at(plan, targets, rows[i] * h + c);
        }
    }
    for (size_t i = 0; i < n && goes_on(crew, 1, h); i++) {
        for (size_t c = 0; c < h; c++) {
            double away =
                value_at(plan, targets, rows[i] * h + c) - scoring->mean[c] / total;

            scoring->spread[c] += weight_of(scoring, plan, rows[i]) * away * away;
        }
    }
    return goes_on(crew, 0, h);
}

/* One-hot outputs: the first largest. */
static bool
right_class(const struct nnf_plan *plan, const void *outputs, int64_t label)
{
    size_t best = 0;

    for (size_t c = 1; c < n_outputs(plan); c++) {
        if (value_at(plan, outputs, c) > value_at(plan, outputs, best)) {
            best = c;
        }
    }
    return (int64_t)best == label;
}

/* One or more 0/1 outputs, all of which must be right. */
static bool
right_labels(const struct nnf_plan *plan, const void *outputs, const void *targets)
{
    for (size_t c = 0; c < n_outputs(plan); c++) {
        if ((value_at(plan, outputs, c) > 0.5) != (value_at(plan, targets, c) > 0.5)) {
            return false;
        }
    }
    return true;
}

/* Add row `row`, predicted as outputs, to the sums; true when it is right. */
static bool
judge(struct nnf_scoring *scoring, const struct nnf_plan *plan, size_t row,
      const void *outputs)
{
    const struct nnf_data *data = scoring->data;
    size_t h = n_outputs(plan);
    const void *targets;

    if (data->targets == NULL) { /* labels, of which there is the accuracy only */
        return right_class(plan, outputs, data->labels[row]);
    }
    targets = at_const(data->targets, row * h, plan->kernels->real_size);
    if (scoring->score == NNF_ACCURACY) {
        return right_labels(plan, outputs, targets);
    }
    for (size_t c = 0; c < h; c++) {
        double output = value_at(plan, outputs, c);
        double residual = value_at(plan, targets, c) - output;

        scoring->finite = scoring->finite && isfinite(output) != 0;
        scoring->error[c] += weight_of(scoring, plan, row) * residual * residual;
    }
    return false;
}

/* The mean over outputs of 1 - error / spread; a constant target scores 1 when it
 * is met exactly, else 0. */
static double
determination(const struct nnf_scoring *scoring, size_t h)
{
    double sum = 0;

    if (!scoring->finite) {
        return (double)NAN;
    }
    for (size_t c = 0; c < h; c++) {
        if (scoring->spread[c] != 0) {
            sum += 1 - scoring->error[c] / scoring->spread[c];
        }
        else if (scoring->error[c] == 0) {
            sum += 1;
        }
    }
    return sum / (double)h;
}

bool
nnf_scoring_run(struct nnf_scoring *scoring, const struct nnf_plan *plan,
                struct nnf_crew *crew, const void *parameters, double *score)
{
    const struct nnf_layer *output = &plan->layers[plan->net->n_layers - 1];
    const struct nnf_rows all = {
        .data = scoring->data,
        .order = scoring->held_out.rows,
        .n = scoring->held_out.n_rows,
    };
    size_t h = output->out, size = plan->kernels->real_size;
    double right = 0, total = 0;

    if (scoring->score == NNF_ALWAYS_RIGHT) {
        *score = 1;
        return true;
    }
    scoring->finite = true;
    for (size_t c = 0; c < h; c++) {
        scoring->error[c] = 0;
    }
    for (size_t t = 0; t < nnf_plan_tiles(plan, all.n); t++) {
        const struct nnf_rows rows = nnf_plan_tile_rows(plan, &all, t);

        if (!nnf_batch_forward(plan, crew, &rows, parameters)) {
            return false;
        }
        plan->kernels->store_rows(rows.n, h, output->output, plan->stride,
                                  scoring->outputs);
        for (size_t i = 0; i < rows.n; i++) {
            size_t row = nnf_row_number(&rows, i);
            double weight = weight_of(scoring, plan, row);

            total += weight;
            if (judge(scoring, plan, row, at_const(scoring->outputs, i * h, size))) {
                right += weight;
            }
        }
        if (!goes_on(crew, rows.n, h)) {
            return false;
        }
    }
    *score = scoring->score == NNF_ACCURACY ? right / total : determination(scoring, h);
    return true;
}
