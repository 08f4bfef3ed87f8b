/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who does the work of a call, and who may end it: a team of threads, as many of them
 * as are worth it, and the caller's poll. Worker 0 is the caller's own thread; it
 * counts the work that is done and asks poll when enough of it has come together or
 * enough time has passed, while it waits for the others too; they only see the answer.
 */
#ifndef NNF_CREW_H
#define NNF_CREW_H

#include <stdatomic.h>

#include "dispatch.h"
#include "kernels.h"
#include "pace.h"
#include "threads.h"

struct nnf_crew {
    struct nnf_team team;
    struct nnf_pace pace;
    const struct nnf_kernels *kernels;
    const struct nnf_poll *poll; /* may be null, as its function may */
    double work;                 /* multiply-adds since poll was last asked */
    double look;                 /* so many, and the clock is looked at */
    double asked;                /* when poll was: nanoseconds; 0: not known */
    atomic_bool stopped;
    char *room; /* for each share */
    size_t room_each;
    struct nnf_float_state outside; /* the caller's, for whatever it is asked */
};

/* Take what the crew needs from the workspace, with so many bytes of room for each
 * share of a task. */
void nnf_crew_plan(struct nnf_crew *crew, size_t n_threads, size_t room,
                   struct arena *arena);

static inline void *
nnf_crew_room(const struct nnf_crew *crew, size_t share)
{
    return crew->room + share * crew->room_each;
}

/* Start and end the crew's work; in between, the float state is the kernels'. work: of
 * a step, by which one call knows what another has learnt. */
void nnf_crew_begin(struct nnf_crew *crew, const struct nnf_kernels *kernels,
                    double work, const struct nnf_poll *poll);
void nnf_crew_end(struct nnf_crew *crew);

/* The caller's float state for a while, around code that is not ours. */
void nnf_crew_leave(struct nnf_crew *crew);
void nnf_crew_return(struct nnf_crew *crew);

/* Count work (multiply-adds, or what else takes as long) that the worker has done or
 * is about to do; true when the call is to end. Only where θ is whole. */
bool nnf_crew_stopped(struct nnf_crew *crew, size_t worker, double work);

/* The same for what the caller's own thread has done in so many nanoseconds. */
bool nnf_crew_spent(struct nnf_crew *crew, double nanoseconds);

/* As many multiply-adds as take so many nanoseconds. */
double nnf_crew_time(const struct nnf_crew *crew, double nanoseconds);

/* Called between two like pieces of work, so that the crew learns how many workers they
 * are worth. */
void nnf_crew_beat(struct nnf_crew *crew);

/* Workers for a task, so that each has enough to do; the work as in nnf_crew_stopped.
 */
size_t nnf_crew_workers(struct nnf_crew *crew, double work);

/* Run a task in that many shares; false when the call is to end. */
bool nnf_crew_run(struct nnf_crew *crew, size_t n_workers, nnf_task *task,
                  void *context);

#endif
