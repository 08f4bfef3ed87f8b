/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which loss goes with which output, and in which form the kernels compute it.
 *
 * A loss is "matched" to one output activation when its delta is simply p - y
 * (scikit-learn's canonical pairs); the delta of any other pair is the derivative
 * by p times the slope of the output activation.
 */
#ifndef NNF_LOSS_H
#define NNF_LOSS_H

#include <stdbool.h>

#include "kernels.h"
#include "nnfast.h"

/* NULL when the loss is defined on that output, else the sentence. */
const char *nnf_loss_check(const struct nnf_net *net);

/* The form that the kernels take for the loss and output of a checked network. */
enum nnf_loss_form nnf_loss_form(const struct nnf_net *net);

/* True when the delta of that form needs no slope of the output. */
bool nnf_loss_matched(const struct nnf_net *net);

/* What the sum over rows and outputs is multiplied by, before the mean over rows. */
double nnf_loss_factor(const struct nnf_net *net);

#endif
