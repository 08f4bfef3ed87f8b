/* SPDX-License-Identifier: BSD-3-Clause */
#include "crew.h"

/* What waking a team and waiting for it costs. */
#define TEAM_NANOSECONDS 20e3

void
nnf_crew_begin(struct nnf_crew *crew, const struct nnf_kernels *kernels,
               const struct nnf_poll *poll)
{
    crew->kernels = kernels;
    crew->poll = poll;
    crew->work = 0;
    atomic_init(&crew->stopped, false);
    crew->outside = nnf_float_enter();
    nnf_team_start(&crew->team);
}

void
nnf_crew_end(struct nnf_crew *crew)
{
    nnf_team_stop(&crew->team);
    nnf_float_leave(crew->outside);
}

void
nnf_crew_leave(struct nnf_crew *crew)
{
    nnf_float_leave(crew->outside);
}

void
nnf_crew_return(struct nnf_crew *crew)
{
    crew->outside = nnf_float_enter();
}

static bool
ask(struct nnf_crew *crew)
{
    bool stop;

    if (crew->poll == NULL || crew->poll->call == NULL) {
        return false;
    }
    nnf_crew_leave(crew);
    stop = crew->poll->call(crew->poll->context) != 0;
    nnf_crew_return(crew);
    return stop;
}

bool
nnf_crew_stopped(struct nnf_crew *crew, size_t worker, double work)
{
    if (worker == 0) {
        crew->work += work;
        if (crew->work >= crew->kernels->poll_work) {
            crew->work = 0;
            if (ask(crew)) {
                atomic_store_explicit(&crew->stopped, true, memory_order_relaxed);
            }
        }
    }
    return atomic_load_explicit(&crew->stopped, memory_order_relaxed);
}

double
nnf_crew_time(const struct nnf_crew *crew, double nanoseconds)
{
    return crew->kernels->poll_work * nanoseconds / NNF_POLL_NANOSECONDS;
}

bool
nnf_crew_run(struct nnf_crew *crew, nnf_task *task, void *context)
{
    nnf_team_run(&crew->team, task, context);
    return crew->team.n_workers == 1
               ? !atomic_load_explicit(&crew->stopped, memory_order_relaxed)
               : !nnf_crew_stopped(crew, 0, nnf_crew_time(crew, TEAM_NANOSECONDS));
}
