/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The settings and the state of a fit: where they begin, and what they may be.
 */
#include <math.h>

#include "common.h"
#include "nnfast.h"

void
nnf_training_begin(struct nnf_training *training)
{
    training->learning_rate = training->learning_rate_init;
    training->n_updates = 0;
    training->n_seen = 0;
    training->no_improvement = 0;
    training->best_loss = INFINITY;
    training->best_score = -INFINITY;
}

/* NaN is in no range. */
static const struct {
    size_t offset;
    double low, high;
    bool open_low, open_high;
    const char *flaw;
} ranges[] = {
#define RANGE(member, low, high, open_low, open_high, text)                            \
    {                                                                                  \
        offsetof(struct nnf_training, member), low, high, open_low, open_high,         \
            #member " must be " text                                                   \
    }
    RANGE(learning_rate_init, 0, INFINITY, true, true, "positive and finite"),
    RANGE(learning_rate, 0, INFINITY, false, true, "finite and not negative"),
    RANGE(power_t, 0, INFINITY, false, true, "finite and not negative"),
    RANGE(momentum, 0, 1, false, false, "from 0 to 1"),
    RANGE(beta_1, 0, 1, false, true, "at least 0 and less than 1"),
    RANGE(beta_2, 0, 1, false, true, "at least 0 and less than 1"),
    RANGE(epsilon, 0, INFINITY, true, true, "positive and finite"),
    RANGE(alpha, 0, INFINITY, false, true, "finite and not negative"),
    RANGE(tol, 0, INFINITY, false, false, "at least 0"),
    RANGE(n_iter_no_change, 1, INFINITY, false, false, "at least 1"),
#undef RANGE
};

const char *
nnf_training_check(const struct nnf_net *net, const struct nnf_data *data,
                   const struct nnf_training *training)
{
    if ((int)training->solver < 0 || training->solver >= NNF_SOLVERS) {
        return "the solver is unknown";
    }
    if ((int)training->schedule < 0 || training->schedule >= NNF_SCHEDULES) {
        return "the learning-rate schedule is unknown";
    }
    for (size_t i = 0; i < ARRAY_LENGTH(ranges); i++) {
        double value = *(const double *)at_const(training, ranges[i].offset, 1);

        if (!(ranges[i].open_low ? value > ranges[i].low : value >= ranges[i].low) ||
            !(ranges[i].open_high ? value < ranges[i].high : value <= ranges[i].high)) {
            return ranges[i].flaw;
        }
    }
    if ((int)training->score < 0 || training->score >= NNF_SCORES) {
        return "the score is unknown";
    }
    if (training->split != NULL && training->score == NNF_R2 && data->targets == NULL) {
        return "score 'r2' needs targets, not labels";
    }
    if (training->batch_size == 0) {
        return "batch_size must be at least 1";
    }
    if (training->max_epochs == 0) {
        return "max_iter, the number of epochs, must be at least 1";
    }
    if (training->n_threads == 0) {
        return "n_threads must be at least 1";
    }
    for (size_t l = 0; training->dropout != NULL && l + 1 < net->n_layers; l++) {
        if (!(training->dropout[l] >= 0 && training->dropout[l] < 1)) {
            return "a dropout rate must be at least 0 and less than 1";
        }
    }
    return NULL;
}
