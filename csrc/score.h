/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How good a network is on rows it does not learn from: accuracy (of the class, or of
 * the whole label set) or the coefficient of determination, as scikit-learn's
 * accuracy_score and r2_score weigh them.
 */
#ifndef NNF_SCORE_H
#define NNF_SCORE_H

#include "batch.h"
#include "order.h"

struct nnf_scoring {
    const struct nnf_data *data;
    enum nnf_score score;
    const void *weights;       /* of all rows; null: all 1 */
    struct nnf_order held_out; /* the rows that are scored */
    void *outputs;             /* a tile's outputs, row-major */
    double *mean;              /* of each target */
    double *spread;            /* of each target: weighted squares about the mean */
    double *error;             /* weighted squared residuals */
    bool finite;               /* all outputs so far */
};

/* Take the memory that a scoring of those rows needs. */
void nnf_scoring_plan(struct nnf_scoring *scoring, const struct nnf_plan *plan,
                      struct arena *arena);

/* What does not change from epoch to epoch. False: stopped. */
bool nnf_scoring_begin(struct nnf_scoring *scoring, const struct nnf_plan *plan,
                       struct nnf_crew *crew);

/* The score at θ; uses the plan's own tile. NaN where an R² output is not finite.
 * False: stopped. */
bool nnf_scoring_run(struct nnf_scoring *scoring, const struct nnf_plan *plan,
                     struct nnf_crew *crew, const void *parameters, double *score);

#endif
