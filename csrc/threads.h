/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sharing a task among threads: the caller, and helpers from a pool.
 *
 * A task is cut into shares, which the caller and the helpers take one by one. The
 * caller waits for shares that a helper has begun, never for a helper to come: what
 * none has taken it does itself. How a task is cut must not change any result: each
 * output is computed in one share, whole, in an order that does not depend on how many
 * there are.
 *
 * The pool is the core's only state, but for what calls have learnt (paces.h): threads
 * started when they are first wanted, asleep between calls, ended with the process; and
 * which tasks a thread is in. A forked child begins with an empty pool, in the tasks of
 * the thread that forked, which no helper is in any more.
 */
#ifndef NNF_THREADS_H
#define NNF_THREADS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "common.h"

#define NNF_MAX_THREADS ((size_t)256)

/* The share-th of n_shares of a task, and who does it; worker 0 is the caller. */
struct nnf_part {
    size_t worker, share, n_shares;
};

typedef void nnf_task(void *context, const struct nnf_part *part);

/* A call into the core, and the task that it shares. */
struct nnf_team {
    size_t n_threads; /* at most, the caller included */
    nnf_task *task;
    void *context;
    size_t n_shares;
    atomic_bool *taken;     /* n_threads: shares that are begun or done */
    size_t offers;          /* helpers that were asked, and not told to stay away */
    atomic_size_t finished; /* helpers that have come and gone */
    struct nnf_team *outer; /* the caller's, in a task of which this one was called */

    /* Called now and then while the caller has nothing to do but wait; or null. */
    void (*idle)(void *context);
    void *idle_context;
};

/* Take what the team needs from the workspace. */
void nnf_team_plan(struct nnf_team *team, size_t n_threads, struct arena *arena);

/* Between the two the caller's thread counts as busy; other calls get fewer helpers. */
void nnf_team_start(struct nnf_team *team);
void nnf_team_stop(struct nnf_team *team);

/* Threads that a task may be shared among now: the team's within the limit, or its part
 * of them when other calls are at work. */
size_t nnf_team_size(const struct nnf_team *team);

/* Whether every task is to be shared, as nnf_threads_force says. */
bool nnf_team_forced(void);

/* Run the task in that many shares, at most n_threads, and wait for all. */
void nnf_team_run(struct nnf_team *team, size_t n_shares, nnf_task *task,
                  void *context);

/* The things [*first, *last) of `count` that a part has to do, in units of so many
 * (but for the last of them). */
static inline void
nnf_share_units(size_t count, size_t unit, const struct nnf_part *part, size_t *first,
                size_t *last)
{
    size_t n_units, each, extra;

    if (part->n_shares == 1) { /* no division in the smallest networks' steps */
        *first = 0;
        *last = count;
        return;
    }
    n_units = ceil_div(count, unit);
    each = n_units / part->n_shares;
    extra = n_units % part->n_shares;
    *first = part->share * each + min_size(part->share, extra);
    *last = min_size(count, (*first + each + (part->share < extra)) * unit);
    *first = min_size(count, *first * unit);
}

static inline void
nnf_share(size_t count, const struct nnf_part *part, size_t *first, size_t *last)
{
    nnf_share_units(count, 1, part, first, last);
}

#endif
