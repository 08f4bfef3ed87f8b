/* SPDX-License-Identifier: BSD-3-Clause */
#include "loss.h"

#include <float.h>
#include <string.h>

#include "activation.h"

/* The matched output is NNF_ACTIVATIONS where there is none. */
static const struct {
    const char *name;
    enum nnf_loss_form form;
    enum nnf_activation matched;
} losses[NNF_LOSSES] = {
    [NNF_LOG_LOSS] = {"log_loss", NNF_FORM_LOG_LOGISTIC, NNF_LOGISTIC},
    [NNF_SQUARED_ERROR] = {"squared_error", NNF_FORM_SQUARED, NNF_IDENTITY},
    [NNF_BRIER] = {"brier", NNF_FORM_SQUARED, NNF_ACTIVATIONS},
    [NNF_ABSOLUTE_ERROR] = {"absolute_error", NNF_FORM_ABSOLUTE, NNF_IDENTITY},
    [NNF_HUBER] = {"huber", NNF_FORM_HUBER, NNF_IDENTITY},
    [NNF_LOG_COSH] = {"log_cosh", NNF_FORM_LOG_COSH, NNF_IDENTITY},
    [NNF_POISSON] = {"poisson", NNF_FORM_POISSON, NNF_ACTIVATIONS},
};

const char *
nnf_loss_name(enum nnf_loss loss)
{
    return losses[loss].name;
}

enum nnf_loss
nnf_loss_find(const char *name)
{
    int i = 0;

    while (i < NNF_LOSSES && strcmp(name, losses[i].name) != 0) {
        i++;
    }
    return (enum nnf_loss)i;
}

static enum nnf_activation
output_of(const struct nnf_net *net)
{
    return net->activations[net->n_layers - 1];
}

const char *
nnf_loss_check(const struct nnf_net *net)
{
    enum nnf_activation output = output_of(net);
    bool probability = output == NNF_LOGISTIC || output == NNF_SOFTMAX;

    switch (net->loss) {
    case NNF_LOG_LOSS:
        return probability ? NULL : "log_loss needs a logistic or softmax output";
    case NNF_BRIER:
        return probability ? NULL : "brier needs a logistic or softmax output";
    case NNF_POISSON:
        if (output == NNF_SOFTMAX || !nnf_activation_facts[output].positive) {
            return "poisson needs an output that is always positive: exp, softplus "
                   "or logistic";
        }
        return NULL;
    case NNF_HUBER:
        if (!(net->huber_delta > 0 && net->huber_delta <= DBL_MAX)) {
            return "huber_delta must be positive and finite";
        }
        break;
    default:
        break;
    }
    return output == NNF_SOFTMAX ? "a softmax output needs log_loss or brier" : NULL;
}

enum nnf_loss_form
nnf_loss_form(const struct nnf_net *net)
{
    if (net->loss == NNF_LOG_LOSS && output_of(net) == NNF_SOFTMAX) {
        return NNF_FORM_LOG_SOFTMAX;
    }
    if (net->loss == NNF_POISSON && output_of(net) == NNF_EXP) {
        return NNF_FORM_POISSON_EXP;
    }
    return losses[net->loss].form;
}

bool
nnf_loss_matched(const struct nnf_net *net)
{
    enum nnf_loss_form form = nnf_loss_form(net);

    return form == NNF_FORM_LOG_SOFTMAX || form == NNF_FORM_POISSON_EXP ||
           output_of(net) == losses[net->loss].matched;
}

double
nnf_loss_factor(const struct nnf_net *net)
{
    return net->loss == NNF_SQUARED_ERROR ? 1.0 / (double)net->widths[net->n_layers]
                                          : 1.0;
}
