/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The order in which an epoch takes the rows: their own or that of a list of their
 * numbers at first, and shuffled anew for every epoch, a part at a time.
 */
#ifndef NNF_ORDER_H
#define NNF_ORDER_H

#include "common.h"
#include "crew.h"

struct nnf_order {
    size_t n_rows;
    size_t *rows;                /* null: all rows as they are */
    const int64_t *numbers;      /* the rows at first; null: all */
    const struct nnf_bits *bits; /* null: never shuffled */
    bool stays;                  /* drawn as if it were shuffled, but not changed */
};

/* Take the memory that an order with its other members filled in needs. */
void nnf_order_plan(struct nnf_order *order, struct arena *arena);

/* Begin with the first order of rows, of which there are n_given, and draw the next
 * one. False: stopped. */
bool nnf_order_begin(const struct nnf_order *order, size_t n_given,
                     struct nnf_crew *crew);
bool nnf_order_shuffle(const struct nnf_order *order, struct nnf_crew *crew);

#endif
