/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The kernels of one instruction set and one real type, and nothing else: this file
 * is compiled once for each pair. NNF_ISA names the instruction set, NNF_DOUBLE
 * chooses the type, the compiler's flags do the rest. Only the table is exported.
 */
#include "../kernels.h"

#include "blocks.h"
#include "dense.h"
#include "dropout.h"
#include "gradient.h"
#include "losses.h"
#include "rows.h"
#include "sparse.h"
#include "updates.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define NAME_(isa, type) nnf_kernels_##isa##_##type
#define NAME(isa, type) NAME_(isa, type)

#ifdef NNF_DOUBLE
#define TABLE NAME(NNF_ISA, double)
#else
#define TABLE NAME(NNF_ISA, float)
#endif

/* Of a lane, very roughly, where weights and samples come from the caches. */
#define PRODUCTS_PER_NANOSECOND 1.33

#define ACTIVATION(f)                                                                  \
    {                                                                                  \
        f##_forward, f##_forward_slope, f##_backward                                   \
    }
#define ACTIVATION_KEEPS_SLOPE(f)                                                      \
    {                                                                                  \
        f##_forward, f##_forward_slope, NULL                                           \
    }

extern const struct nnf_kernels TABLE;

const struct nnf_kernels TABLE = {
    .isa = TEXT(NNF_ISA),
#ifdef NNF_DOUBLE
    .real = NNF_FLOAT64,
#else
    .real = NNF_FLOAT32,
#endif
    .real_size = sizeof(real),
    .lanes = LANES,
    .pack_units = PACK_UNITS,
    .poll_work = NNF_POLL_NANOSECONDS * PRODUCTS_PER_NANOSECOND *
                 LANES, /* NOLINT(bugprone-integer-division): exact */

    .load_rows = load_rows,
    .load_labels = load_labels,
    .load_weights = load_weights,
    .store_rows = store_rows,
    .store_row = store_row,

    .dense_forward = dense_forward,
    .dense_backward = dense_backward,
    .turn_delta = turn_delta,
    .weight_gradient = weight_gradient,
    .row_forward = row_forward,
    .sparse_gradient = sparse_gradient,

    .activations =
        {
            [NNF_IDENTITY] = ACTIVATION(identity),
            [NNF_LOGISTIC] = ACTIVATION(logistic),
            [NNF_TANH] = ACTIVATION(tanh),
            [NNF_RELU] = ACTIVATION(relu),
            [NNF_LEAKY_RELU] = ACTIVATION(leaky_relu),
            [NNF_ELU] = ACTIVATION(elu),
            [NNF_SELU] = ACTIVATION(selu),
            [NNF_GELU] = ACTIVATION_KEEPS_SLOPE(gelu),
            [NNF_SILU] = ACTIVATION_KEEPS_SLOPE(silu),
            [NNF_MISH] = ACTIVATION_KEEPS_SLOPE(mish),
            [NNF_SOFTPLUS] = ACTIVATION(softplus),
            [NNF_SOFTSIGN] = ACTIVATION(softsign),
            [NNF_HARD_SIGMOID] = ACTIVATION(hard_sigmoid),
            [NNF_EXP] = ACTIVATION(exp),
            [NNF_SOFTMAX] = {softmax_forward, NULL, NULL},
        },
    .softmax_backward = softmax_backward,
    .multiply = multiply,
    .dropout = dropout,

    .losses =
        {
            [NNF_FORM_LOG_SOFTMAX] = log_softmax_loss,
            [NNF_FORM_LOG_LOGISTIC] = log_logistic_loss,
            [NNF_FORM_SQUARED] = squared_loss,
            [NNF_FORM_ABSOLUTE] = absolute_loss,
            [NNF_FORM_HUBER] = huber_loss,
            [NNF_FORM_LOG_COSH] = log_cosh_loss,
            [NNF_FORM_POISSON_EXP] = poisson_exp_loss,
            [NNF_FORM_POISSON] = poisson_loss,
        },
    .sum = sum_values,

    .solvers = {[NNF_SGD] = sgd, [NNF_ADAM] = adam},
    .finish_gradient = finish_gradient,
    .all_finite = all_finite,
};
