/* SPDX-License-Identifier: BSD-3-Clause */
#include "order.h"

#include "rng.h"

/* Drawing a row's place in an order that no cache holds, and writing down a number in
 * memory that the system has yet to find. */
#define DRAW_NANOSECONDS 60.0
#define WRITE_NANOSECONDS 5.0
#define ROWS_AT_ONCE ((size_t)256 * 1024)

void
nnf_order_plan(struct nnf_order *order, struct arena *arena)
{
    bool changes = order->bits != NULL && !order->stays;

    order->rows = NULL;
    if (changes || order->numbers != NULL) {
        order->rows = arena_take(arena, order->n_rows, sizeof(size_t));
    }
}

/* What the check has seen may have been changed since by the caller: no number beyond
 * the rows is used. */
static size_t
first_row(const struct nnf_order *order, size_t i, size_t n_given)
{
    return order->numbers == NULL ? i
                                  : min_size((size_t)order->numbers[i], n_given - 1);
}

bool
nnf_order_begin(const struct nnf_order *order, size_t n_given, struct nnf_crew *crew)
{
    for (size_t first = 0, last; order->rows != NULL && first < order->n_rows;
         first = last) {
        last = min_size(order->n_rows, first + ROWS_AT_ONCE);
        for (size_t i = first; i < last; i++) {
            order->rows[i] = first_row(order, i, n_given);
        }
        if (nnf_crew_spent(crew, WRITE_NANOSECONDS * (double)(last - first))) {
            return false;
        }
    }
    return true;
}

/* Have the source of random bits for the core alone. False: stopped. */
static bool
hold_source(const struct nnf_bits *bits, struct nnf_crew *crew)
{
    bool is_held;

    if (bits->hold == NULL || *bits->held) {
        return true;
    }
    nnf_crew_leave(crew);
    is_held = bits->hold(bits->context) == 0;
    nnf_crew_return(crew);
    return is_held;
}

bool
nnf_order_shuffle(const struct nnf_order *order, struct nnf_crew *crew)
{
    size_t *rows = order->stays ? NULL : order->rows;

    for (size_t left = order->bits == NULL ? 0 : order->n_rows; left > 1;) {
        size_t part = min_size(left, ROWS_AT_ONCE);

        if (!hold_source(order->bits, crew)) {
            return false;
        }
        nnf_shuffle(order->bits, rows, left, left - part);
        left -= part;
        if (nnf_crew_spent(crew, DRAW_NANOSECONDS * (double)part)) {
            return false;
        }
    }
    return true;
}
