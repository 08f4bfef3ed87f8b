/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The unit of work of a pass: a run of a tile's samples that one worker takes through.
 */
#ifndef NNF_SPAN_H
#define NNF_SPAN_H

#include "crew.h"
#include "plan.h"

/* Samples [first, first + n) of a tile, n a multiple of the lanes, and the worker of
 * the crew that takes them through a pass. */
struct nnf_span {
    const struct nnf_tile *tile;
    size_t first, n;
    struct nnf_crew *crew;
    size_t worker;
    void *room; /* a share's of the crew's, for forward passes */
};

/* The span's part of one of the plan's tiles. */
static inline void *
nnf_span_part(const struct nnf_plan *plan, const struct nnf_span *span, void *tile)
{
    return at(tile, span->first, plan->kernels->real_size);
}

/* The rows that the span's samples are; the last one is repeated up to the lanes. */
static inline struct nnf_rows
nnf_span_rows(const struct nnf_span *span)
{
    const struct nnf_rows *rows = &span->tile->rows;

    return nnf_rows_part(rows, span->first, min_size(span->n, rows->n - span->first));
}

#endif
