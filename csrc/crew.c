/* SPDX-License-Identifier: BSD-3-Clause */
#include "crew.h"

#include "paces.h"
#include "system.h"

/* The clock is looked at so often in the work between two polls. Counts cannot know of
 * memory that is far away or of a processor that has other things to do. */
#define LOOKS 16.0

/* What waking a team and waiting for it may cost. */
#define TEAM_NANOSECONDS 20e3

/* A worker gets no less work than that: counted, that is, which allows for
 * kernels at a sixth of the speed that they reach at best. */
#define LEAST_NANOSECONDS (6 * TEAM_NANOSECONDS)

void
nnf_crew_plan(struct nnf_crew *crew, size_t n_threads, size_t room, struct arena *arena)
{
    nnf_team_plan(&crew->team, n_threads, arena);
    crew->room_each = round_up(room, NNF_ALIGNMENT);
    crew->room = arena_take(arena, crew->team.n_threads, crew->room_each);
}

/* As after poll was asked. */
static void
count_anew(struct nnf_crew *crew)
{
    crew->work = 0;
    crew->look = crew->kernels->poll_work / LOOKS;
}

void
nnf_crew_begin(struct nnf_crew *crew, const struct nnf_kernels *kernels, double work,
               const struct nnf_poll *poll)
{
    size_t n_threads = min_size(crew->team.n_threads, nnf_threads_limit());

    crew->kernels = kernels;
    crew->poll = poll;
    crew->asked = 0;
    count_anew(crew);
    atomic_init(&crew->stopped, false);
    nnf_pace_begin(&crew->pace, n_threads, work / kernels->poll_work, nnf_clock);
    if (n_threads > 1) {
        nnf_paces_take(&crew->pace);
    }
    nnf_crew_return(crew);
}

void
nnf_crew_end(struct nnf_crew *crew)
{
    nnf_crew_leave(crew);
    if (crew->pace.shared || crew->pace.measuring || crew->pace.home_rate > 0) {
        nnf_paces_leave(&crew->pace);
    }
}

void
nnf_crew_leave(struct nnf_crew *crew)
{
    nnf_pace_leave(&crew->pace);
    nnf_team_stop(&crew->team);
    nnf_float_leave(crew->outside);
}

void
nnf_crew_return(struct nnf_crew *crew)
{
    crew->outside = nnf_float_enter();
    nnf_team_start(&crew->team);
    nnf_pace_return(&crew->pace);
}

/* Whether the clock says that poll has not been asked for long: since its first look,
 * so that a short call does without one. */
static bool
is_late(struct nnf_crew *crew)
{
    double now = crew->pace.clock();

    if (crew->asked == 0) {
        crew->asked = now;
    }
    crew->look = crew->work + crew->kernels->poll_work / LOOKS;
    return now - crew->asked >= NNF_POLL_NANOSECONDS;
}

/* Ask poll; true when the call is to end. */
static bool
ask(struct nnf_crew *crew)
{
    bool stopped = false;

    if (crew->poll != NULL && crew->poll->call != NULL) {
        nnf_crew_leave(crew);
        stopped = crew->poll->call(crew->poll->context) != 0;
        nnf_crew_return(crew);
    }
    count_anew(crew);
    crew->asked = crew->pace.clock();
    atomic_store_explicit(&crew->stopped, stopped, memory_order_relaxed);
    return stopped;
}

bool
nnf_crew_stopped(struct nnf_crew *crew, size_t worker, double work)
{
    bool stopped = atomic_load_explicit(&crew->stopped, memory_order_relaxed);

    if (worker == 0 && !stopped) {
        crew->work += work;
        if (crew->work >= crew->kernels->poll_work ||
            (crew->work >= crew->look && is_late(crew))) {
            stopped = ask(crew);
        }
    }
    return stopped;
}

double
nnf_crew_time(const struct nnf_crew *crew, double nanoseconds)
{
    /* At every step of the smallest network: a division would be felt. */
    return crew->kernels->poll_work * (nanoseconds * (1 / NNF_POLL_NANOSECONDS));
}

bool
nnf_crew_spent(struct nnf_crew *crew, double nanoseconds)
{
    return nnf_crew_stopped(crew, 0, nnf_crew_time(crew, nanoseconds));
}

void
nnf_crew_beat(struct nnf_crew *crew)
{
    nnf_pace_beat(&crew->pace);
}

size_t
nnf_crew_workers(struct nnf_crew *crew, double work)
{
    double worth;
    size_t most;

    if (crew->team.n_threads == 1) {
        return 1;
    }
    worth = work / nnf_crew_time(crew, LEAST_NANOSECONDS);
    most = min_size(nnf_team_size(&crew->team), nnf_pace_threads(&crew->pace));
    if (nnf_team_forced()) {
        return nnf_team_size(&crew->team);
    }
    nnf_pace_work(&crew->pace, work, worth >= 2);
    return worth < (double)most ? max_size(1, (size_t)worth) : most;
}

/* The caller waits for its helpers: one may have a much slower processor. */
static void
wait_on(void *context)
{
    struct nnf_crew *crew = context;

    if (!atomic_load_explicit(&crew->stopped, memory_order_relaxed) && is_late(crew)) {
        ask(crew);
    }
}

bool
nnf_crew_run(struct nnf_crew *crew, size_t n_workers, nnf_task *task, void *context)
{
    crew->team.idle = wait_on;
    crew->team.idle_context = crew;
    nnf_team_run(&crew->team, n_workers, task, context);
    crew->team.idle = NULL;
    return n_workers == 1 ? !atomic_load_explicit(&crew->stopped, memory_order_relaxed)
                          : !nnf_crew_spent(crew, TEAM_NANOSECONDS);
}
