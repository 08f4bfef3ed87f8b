/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The passes of a network over a run of a tile's samples. No pass mixes samples but
 * the gradient, so any cut into runs of whole vectors gives the same bits. Each pass
 * says false when the call is to end; what it was to compute is then half done.
 */
#ifndef NNF_PASS_H
#define NNF_PASS_H

#include "span.h"

/* The tile's rows into the span: inputs where they are dense, and what is learnt from
 * them. */
bool nnf_pass_load(const struct nnf_plan *plan, const struct nnf_span *span);

/* What tells the masks of one tile from those of another. */
struct nnf_dropout {
    uint64_t seed, step;
    size_t row; /* of the tile's first sample in its batch */
};

/* From the tile's input to every layer's output. With dropout not null as in
 * training: slopes are kept for backward, and units dropped where the plan has it. */
bool nnf_pass_forward(const struct nnf_plan *plan, const void *parameters,
                      const struct nnf_span *span, const struct nnf_dropout *dropout);

/* From the outputs and targets to every layer's delta and each sample's loss. */
bool nnf_pass_backward(const struct nnf_plan *plan, const void *parameters,
                       const struct nnf_span *span);

/* The entries of θ's gradient that begin in [begin, end) (a weight's row counts where
 * it starts), summed over the span, which is the whole tile; added to what is there
 * when accumulate is set. The weights of sparse inputs are not among them. */
bool nnf_pass_gradient(const struct nnf_plan *plan, const struct nnf_span *span,
                       size_t begin, size_t end, void *gradient, bool accumulate);

#endif
