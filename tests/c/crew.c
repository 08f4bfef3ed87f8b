/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A crew: it has as many workers as the work is worth, asks its poll as often as it
 * says and knows what an alike one has learnt. Prints how many facts held; exits 0 only
 * when all did.
 */
#include "crew.h" /* not of the API */
#include "system.h"

#include "check.h"
#include "take.h"

#include <math.h>
#include <stdlib.h>

struct asked {
    size_t times, last; /* the time at which it says stop; 0: never */
};

static int
ask(void *context)
{
    struct asked *asked = context;

    return ++asked->times == asked->last;
}

struct bench {
    struct nnf_kernels kernels;
    struct asked asked;
    struct nnf_poll poll;
    struct nnf_crew crew;
    void *block;
};

static double now; /* nanoseconds */

static double
clock_at_hand(void)
{
    return now;
}

/* A crew at work, whose patience is `patience` units of work; likeness: its pace is
 * that of crews with the same. */
static void
begin(struct bench *b, size_t n_threads, double patience, double likeness)
{
    struct arena arena = {0};

    *b = (struct bench){.kernels = *nnf_kernels_find(NULL, NNF_FLOAT32)};
    b->kernels.poll_work = patience;
    b->poll = (struct nnf_poll){ask, &b->asked};
    nnf_crew_plan(&b->crew, n_threads, 100, &arena);
    b->block = take(arena.used, 0);
    arena = (struct arena){.base = b->block};
    nnf_crew_plan(&b->crew, n_threads, 100, &arena);
    nnf_crew_begin(&b->crew, &b->kernels, likeness * patience, &b->poll);
    b->crew.pace.clock = clock_at_hand;
}

static void
end(struct bench *b)
{
    nnf_crew_end(&b->crew);
    free(b->block);
}

static void
check_polls(void)
{
    struct bench b;
    bool stopped = false;

    begin(&b, 2, 10, 1);
    for (size_t i = 1; i <= 100; i++) {
        stopped = stopped || nnf_crew_stopped(&b.crew, 0, 1);
        check(b.asked.times == i / 10, "poll comes when its work has come together");
    }
    for (size_t i = 0; i < 100; i++) {
        stopped = stopped || nnf_crew_stopped(&b.crew, 1, 10);
    }
    check(b.asked.times == 10, "helpers count nothing");
    check(nnf_crew_time(&b.crew, NNF_POLL_NANOSECONDS) == 10, "work is told in time");
    nnf_crew_spent(&b.crew, NNF_POLL_NANOSECONDS);
    check(b.asked.times == 11 && !stopped, "and time counts as work");
    b.asked.last = 12;
    check(nnf_crew_stopped(&b.crew, 0, 10), "poll stops the caller");
    check(nnf_crew_stopped(&b.crew, 1, 0), "and helpers");
    check(nnf_crew_stopped(&b.crew, 0, 100) && nnf_crew_spent(&b.crew, 1e9),
          "for good");
    check(b.asked.times == 12, "and is asked no more");
    end(&b);
}

/* However little is counted. */
static void
check_late_polls(void)
{
    struct bench b;

    begin(&b, 2, 1e6, 1);
    now = 5e9;
    nnf_crew_stopped(&b.crew, 0, 1e5);
    check(b.asked.times == 0, "time counts from the first look at the clock");
    now += 0.9 * NNF_POLL_NANOSECONDS;
    nnf_crew_stopped(&b.crew, 0, 1e5);
    check(b.asked.times == 0, "poll can wait");
    now += 0.2 * NNF_POLL_NANOSECONDS;
    nnf_crew_stopped(&b.crew, 0, 1e3);
    nnf_crew_stopped(&b.crew, 1, 1e9);
    check(b.asked.times == 0, "for very little work nobody looks");
    nnf_crew_stopped(&b.crew, 0, 1e5);
    check(b.asked.times == 1, "poll comes when its time has come");
    nnf_crew_stopped(&b.crew, 0, 1e5);
    nnf_crew_stopped(&b.crew, 0, 8e5);
    check(b.asked.times == 1, "time and work begin anew with it");
    now += 1.1 * NNF_POLL_NANOSECONDS;
    b.asked.last = 2;
    check(nnf_crew_stopped(&b.crew, 0, 1e5), "a late poll stops the call, too");
    end(&b);
}

static double
passing_clock(void)
{
    return now += NNF_POLL_NANOSECONDS / 2;
}

/* A helper that is done only when poll has been asked, by which its caller waits. */
struct slow {
    struct nnf_crew *crew;
    atomic_bool begun;
};

static void
work_slowly(void *context, const struct nnf_part *part)
{
    struct slow *slow = context;
    double end = nnf_clock() + 20e9;

    if (part->worker == 0) {
        while (!atomic_load(&slow->begun) && nnf_clock() < end) {
        }
        return;
    }
    atomic_store(&slow->begun, true);
    while (!nnf_crew_stopped(slow->crew, part->worker, 0) && nnf_clock() < end) {
    }
}

static void
check_idle_polls(void)
{
    struct bench b;
    struct slow slow = {0};

    begin(&b, 2, 1e6, 1);
    b.crew.pace.clock = passing_clock;
    b.asked.last = 3;
    slow.crew = &b.crew;
    check(!nnf_crew_run(&b.crew, 2, work_slowly, &slow), "a caller that waits polls");
    check(b.asked.times == 3, "until it is told to stop");
    end(&b);
}

/* A task that counts its shares. */
static void
count(void *context, const struct nnf_part *part)
{
    (void)part;
    atomic_fetch_add((atomic_size_t *)context, 1);
}

/* Waking a team counts as 20 µs of work, doing all alone as none. */
static void
check_runs(void)
{
    atomic_size_t n_shares = 0;
    size_t n_runs = 0;
    struct bench b;

    begin(&b, 3, 10, 1);
    for (; n_runs < 10000 && nnf_crew_run(&b.crew, 1, count, &n_shares); n_runs++) {
    }
    check(n_runs == 10000 && b.asked.times == 0, "a run alone takes no time itself");
    check(atomic_load(&n_shares) == n_runs, "and is one share");
    b.asked.last = 2;
    for (n_runs = 1; nnf_crew_run(&b.crew, 3, count, &n_shares); n_runs++) {
    }
    check(b.asked.times == 2, "runs of a team are stopped");
    check(fabs((double)n_runs * 20e3 / NNF_POLL_NANOSECONDS - 2) < 0.01,
          "after 20 microseconds each");
    check(atomic_load(&n_shares) == 10000 + 3 * n_runs, "each of its shares was done");
    check(!nnf_crew_run(&b.crew, 1, count, &n_shares), "so is a run alone then");
    end(&b);
}

/* Each worker of a crew has 120 µs of work, as counted, or is left out. */
static void
check_workers(void)
{
    struct bench b;
    double least;

    begin(&b, 4, 1e6, 2);
    least = nnf_crew_time(&b.crew, 120e3);
    check(nnf_crew_workers(&b.crew, 0) == 1, "no work is for one");
    check(nnf_crew_workers(&b.crew, 1.9 * least) == 1, "so is little");
    check(nnf_crew_workers(&b.crew, 2.1 * least) == 2, "more is for two");
    check(nnf_crew_workers(&b.crew, 3.5 * least) == 3, "or three");
    check(nnf_crew_workers(&b.crew, 1e6 * least) == 4, "much is for all");
    b.crew.pace.shared = false;
    nnf_crew_workers(&b.crew, 1.9 * least);
    check(!b.crew.pace.shared, "what is for one says nothing of threads");
    nnf_crew_workers(&b.crew, 2.1 * least);
    check(b.crew.pace.shared, "what is for two does");
    nnf_threads_force(true);
    check(nnf_crew_workers(&b.crew, 0) == 4, "when forced, anything is");
    nnf_threads_force(false);
    nnf_threads_set_limit(2);
    check(nnf_crew_workers(&b.crew, 1e6 * least) == 2, "within the limit");
    nnf_threads_set_limit(NNF_MAX_THREADS);
    end(&b);
    begin(&b, 1, 1e6, 2);
    check(nnf_crew_workers(&b.crew, 1e6 * least) == 1, "a lone caller has no helpers");
    end(&b);
}

static void
check_room(void)
{
    struct bench b;
    const char *room;

    begin(&b, 3, 1e6, 3);
    room = nnf_crew_room(&b.crew, 0);
    for (size_t i = 0; i < 3; i++) {
        const char *next = nnf_crew_room(&b.crew, i + 1);

        check((uintptr_t)room % NNF_ALIGNMENT == 0 && next >= room + 100,
              "each share has room of its own");
        room = next;
    }
    end(&b);
}

/* What a crew has learnt an alike one knows, and no other. */
static void
check_memory(void)
{
    struct bench b;

    begin(&b, 4, 1e6, 0.1);
    check(nnf_pace_threads(&b.crew.pace) == 4, "a crew begins with all its threads");
    b.crew.pace.here = b.crew.pace.home = 1;
    b.crew.pace.home_rate = 5;
    end(&b);
    begin(&b, 4, 1e6, 0.1);
    check(b.crew.pace.home_rate == 5 && nnf_pace_threads(&b.crew.pace) == 2,
          "the next goes on from what it has learnt");
    end(&b);
    begin(&b, 3, 1e6, 0.1);
    check(b.crew.pace.home_rate == 0 && nnf_pace_threads(&b.crew.pace) == 3,
          "one of other threads does not");
    end(&b);
    begin(&b, 4, 1e6, 0.3);
    check(b.crew.pace.home_rate == 0, "nor one of other work");
    end(&b);
    begin(&b, 4, 1e6, 0.1);
    check(b.crew.pace.home_rate == 5, "those that learn nothing leave nothing");
    end(&b);
    nnf_pool_forget();
    begin(&b, 4, 1e6, 0.1);
    check(b.crew.pace.home_rate == 0, "a child knows nothing");
    end(&b);
}

/* Calls that share one piece of work each: between the beats of two lies a call. */
static void
check_short_calls(void)
{
    struct bench b;

    for (size_t i = 0; i < 3; i++) {
        begin(&b, 2, 1e6, 0.7);
        nnf_crew_beat(&b.crew);
        check(b.crew.pace.measuring == (i > 0), "a call is measured with the next");
        nnf_crew_workers(&b.crew, 1e9);
        end(&b);
    }
    check(b.crew.pace.work == 1e9, "of which each is told apart");
}

int
main(void)
{
    check_polls();
    check_late_polls();
    check_idle_polls();
    check_runs();
    check_workers();
    check_room();
    check_memory();
    check_short_calls();
    return verdict();
}
