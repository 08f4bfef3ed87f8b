/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A team of threads that lives as long as one call into the core: started at its
 * beginning, joined at its end, so that nothing survives to be forked or leaked.
 *
 * The team only runs the same task on every worker and waits for all. How a task cuts
 * its work must not change any result: each output is computed by one worker, whole,
 * in an order that does not depend on how many there are.
 */
#ifndef NNF_THREADS_H
#define NNF_THREADS_H

#include <stdbool.h>
#include <stddef.h>

#include "common.h"

#if defined(_WIN32)
#define NNF_THREADS 0 /* one worker, the caller */
#else
#define NNF_THREADS 1
#include <pthread.h>
#include <stdatomic.h>
#endif

#define NNF_MAX_THREADS ((size_t)256)

typedef void nnf_task(void *context, size_t worker, size_t n_workers);

struct nnf_team {
    size_t n_workers; /* the caller included */
#if NNF_THREADS
    pthread_t *threads; /* n_workers - 1 */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_size_t round; /* grows by one for each task */
    atomic_size_t busy;  /* workers that have not finished it */
    atomic_size_t asleep;
    atomic_size_t joined; /* hands out worker numbers */
    nnf_task *task;       /* null: go home */
    void *context;
#endif
};

/* Take what the team needs from the workspace. */
void nnf_team_plan(struct nnf_team *team, size_t n_threads, struct arena *arena);

/* Start the planned threads; fewer when the system refuses some. */
void nnf_team_start(struct nnf_team *team);
void nnf_team_stop(struct nnf_team *team);

/* Run the task as worker 0 to n_workers - 1 and wait for all. */
void nnf_team_run(struct nnf_team *team, nnf_task *task, void *context);

/* The share [*first, *last) of worker in `count` things. */
static inline void
nnf_share(size_t count, size_t worker, size_t n_workers, size_t *first, size_t *last)
{
    size_t each = count / n_workers, extra = count % n_workers;

    *first = worker * each + min_size(worker, extra);
    *last = *first + each + (worker < extra);
}

#endif
