/* SPDX-License-Identifier: BSD-3-Clause */
#include "activation.h"

#include <string.h>

/* clang-format off */
const struct nnf_activation_facts nnf_activation_facts[NNF_ACTIVATIONS] = {
    /*                    name            hidden positive */
    [NNF_IDENTITY]     = {"identity",     true,  false},
    [NNF_LOGISTIC]     = {"logistic",     true,  true},
    [NNF_TANH]         = {"tanh",         true,  false},
    [NNF_RELU]         = {"relu",         true,  false},
    [NNF_LEAKY_RELU]   = {"leaky_relu",   true,  false},
    [NNF_ELU]          = {"elu",          true,  false},
    [NNF_SELU]         = {"selu",         true,  false},
    [NNF_GELU]         = {"gelu",         true,  false},
    [NNF_SILU]         = {"silu",         true,  false},
    [NNF_MISH]         = {"mish",         true,  false},
    [NNF_SOFTPLUS]     = {"softplus",     true,  true},
    [NNF_SOFTSIGN]     = {"softsign",     true,  false},
    [NNF_HARD_SIGMOID] = {"hard_sigmoid", true,  false},
    [NNF_EXP]          = {"exp",          false, true},
    [NNF_SOFTMAX]      = {"softmax",      false, true},
};
/* clang-format on */

const char *
nnf_activation_name(enum nnf_activation activation)
{
    return nnf_activation_facts[activation].name;
}

bool
nnf_activation_is_hidden(enum nnf_activation activation)
{
    return nnf_activation_facts[activation].hidden;
}

enum nnf_activation
nnf_activation_find(const char *name)
{
    int i = 0;

    while (i < NNF_ACTIVATIONS && strcmp(name, nnf_activation_facts[i].name) != 0) {
        i++;
    }
    return (enum nnf_activation)i;
}
