/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ONES_H
#define ONES_H

#include "plan.h"

/* Whether the row below the units of a tile is all ones, where there is a tile. */
static bool
has_ones(const struct nnf_plan *plan, const void *tile, size_t units)
{
    size_t n_ones = 0;

    for (size_t j = 0; tile != NULL && j < plan->stride; j++) {
        n_ones += real_at(plan->kernels->real, tile, units * plan->stride + j) == 1;
    }
    return tile == NULL || n_ones == plan->stride;
}

#endif
