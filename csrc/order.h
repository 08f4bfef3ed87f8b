/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The order in which an epoch takes the rows: their own at first, and shuffled anew
 * for every epoch, a part at a time.
 */
#ifndef NNF_ORDER_H
#define NNF_ORDER_H

#include "crew.h"

struct nnf_order {
    size_t n_rows;
    size_t *rows; /* null: as they are */
    const struct nnf_bits *bits;
};

/* Begin with the rows' own order, and draw the next one. False: stopped. */
bool nnf_order_begin(const struct nnf_order *order, struct nnf_crew *crew);
bool nnf_order_shuffle(const struct nnf_order *order, struct nnf_crew *crew);

#endif
