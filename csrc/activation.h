/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is true of each activation, whatever computes it.
 */
#ifndef NNF_ACTIVATION_H
#define NNF_ACTIVATION_H

#include <stdbool.h>

#include "nnfast.h"

struct nnf_activation_facts {
    const char *name;
    bool hidden;   /* a hidden layer can have it */
    bool positive; /* its values are never negative, and zero by underflow only */
};

extern const struct nnf_activation_facts nnf_activation_facts[NNF_ACTIVATIONS];

#endif
