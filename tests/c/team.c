/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A team of threads: shares cover a task, helpers come, get no signals, sleep while
 * there is nothing to do and go when the pool is closed. Prints how many facts held;
 * exits 0 only when all did.
 */
#define _POSIX_C_SOURCE 200809L

#include "system.h" /* not of the API */
#include "threads.h"

#include "check.h"
#include "take.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#if !defined(_WIN32)
#include <sys/wait.h>
#include <unistd.h>
#endif

enum { MOST_SHARES = 8, COUNT = 1000 };

static void
nap(void)
{
    const struct timespec millisecond = {.tv_nsec = 1000000};

    nanosleep(&millisecond, NULL);
}

/* Shares. */

static void
check_shares(size_t count, size_t unit, size_t n_shares)
{
    size_t n_units = ceil_div(count, unit), least = n_units / n_shares, next = 0;
    bool fits = true;

    for (size_t i = 0; i < n_shares; i++) {
        const struct nnf_part part = {0, i, n_shares};
        size_t first, last, units;

        nnf_share_units(count, unit, &part, &first, &last);
        units = ceil_div(last - first, unit);
        fits = fits && first == next && (first % unit == 0 || first == count) &&
               units >= least && units <= least + (n_units % n_shares != 0);
        next = last;
    }
    check(fits && next == count, "shares follow each other, alike, to the end");
}

/* A team. */

/* What a task has seen: who did each share, and how often. */
struct seen {
    atomic_size_t worker[MOST_SHARES], times[MOST_SHARES];
    atomic_size_t wrong;
    size_t n_shares;
    size_t patience; /* milliseconds that share 0 waits for the others to be begun */
    size_t slowness; /* milliseconds that a share of a helper takes */
    atomic_size_t n_begun;
    atomic_bool hears_signals;
};

static bool
hears_signals(void)
{
#if !defined(_WIN32)
    sigset_t blocked;

    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    return !sigismember(&blocked, SIGINT) || !sigismember(&blocked, SIGTERM);
#else
    return false;
#endif
}

static void
note(void *context, const struct nnf_part *part)
{
    struct seen *seen = context;

    if (part->n_shares != seen->n_shares || part->share >= seen->n_shares ||
        part->worker >= NNF_MAX_THREADS) {
        atomic_fetch_add(&seen->wrong, 1);
        return;
    }
    atomic_store(&seen->worker[part->share], part->worker);
    atomic_fetch_add(&seen->times[part->share], 1);
    atomic_fetch_add(&seen->n_begun, 1);
    if (part->worker > 0 && hears_signals()) {
        atomic_store(&seen->hears_signals, true);
    }
    for (size_t i = 0; part->share == 0 && i < seen->patience &&
                       atomic_load(&seen->n_begun) < seen->n_shares;
         i++) {
        nap();
    }
    for (size_t i = 0; part->worker > 0 && i < seen->slowness; i++) {
        nap();
    }
}

/* Run a task of so many shares; how many of them helpers have done. */
static size_t
helped(struct nnf_team *team, size_t n_shares, size_t patience, size_t slowness)
{
    struct seen seen = {
        .n_shares = n_shares, .patience = patience, .slowness = slowness};
    size_t n_helped = 0, n_once = 0;

    nnf_team_run(team, n_shares, note, &seen);
    for (size_t i = 0; i < n_shares; i++) {
        n_helped += atomic_load(&seen.worker[i]) > 0;
        n_once += atomic_load(&seen.times[i]) == 1;
    }
    check(n_once == n_shares && atomic_load(&seen.wrong) == 0, "each share once");
    check(!atomic_load(&seen.hears_signals), "signals are left to the caller");
    return n_helped;
}

static struct nnf_team
team_of(size_t n_threads, atomic_bool *taken)
{
    struct nnf_team team = {0};
    struct arena arena = {.base = (char *)taken};

    nnf_team_plan(&team, n_threads, &arena);
    return team;
}

static void
check_team(void)
{
    atomic_bool *taken = take(NNF_MAX_THREADS * sizeof *taken, 0);
    struct nnf_team team = team_of(0, taken), other;
    struct arena counted = {0};

    check(team.n_threads == 1, "a team has its caller");
    nnf_team_plan(&team, 1000, &counted);
    check(team.n_threads == NNF_MAX_THREADS, "and no more than the pool allows");
    check(counted.used >= NNF_MAX_THREADS * sizeof *taken, "its memory is counted");

    team = team_of(MOST_SHARES, taken);
    other = team;
    check(nnf_team_size(&team) == MOST_SHARES, "a team alone is whole");
    nnf_team_start(&team);
    check(nnf_team_size(&team) == MOST_SHARES, "also at work");
    nnf_team_start(&other);
    check(nnf_team_size(&team) == MOST_SHARES / 2, "two share the threads");
    nnf_threads_force(true);
    check(nnf_team_size(&team) == MOST_SHARES, "but not where that is forced");
    nnf_threads_force(false);
    nnf_team_stop(&other);
    check(nnf_team_size(&team) == MOST_SHARES, "until one has ended");
    nnf_threads_set_limit(3);
    check(nnf_team_size(&team) == 3, "the limit holds for every team");
    nnf_threads_set_limit(NNF_MAX_THREADS);
    nnf_team_stop(&team);

    for (size_t n = 1; n <= MOST_SHARES; n++) {
        helped(&team, n, 0, 0);
    }
    check(helped(&team, 1, 0, 0) == 0, "a share alone is the caller's");
    team = team_of(MOST_SHARES, taken);
    helped(&team, 1, 0, 0);
    check(team.task == NULL, "of which helpers see nothing");
    free(taken);
}

/* Helpers at rest take no time of any CPU: a clock of Windows is no such. */
static void
check_rest(void)
{
#if !defined(_WIN32)
    const struct timespec a_while = {.tv_nsec = 200000000};
    clock_t before;

    nap();
    before = clock();
    nanosleep(&a_while, NULL);
    /* One that did not sleep would take nearly all of it, or what others leave. */
    check((double)(clock() - before) / CLOCKS_PER_SEC < 0.02,
          "helpers that have waited for a while sleep");
#endif
}

/* Helpers come if they are waited for long enough, after a sleep too; a closed pool has
 * none, and one that has been forgotten starts anew. */
static void
check_helpers(void)
{
    const size_t enough = 20000, a_while = 100; /* milliseconds */
    atomic_bool *taken = take(NNF_MAX_THREADS * sizeof *taken, 0);
    struct nnf_team team = team_of(3, taken);

    check(helped(&team, 3, enough, 0) > 0, "helpers come");
    for (int i = 0; i < 10; i++) {
        nap(); /* until they sleep */
    }
    check(helped(&team, 3, enough, 0) > 0, "those that sleep are woken");
    check(helped(&team, 3, enough, 5) > 0, "a caller that sleeps is woken too");
    check_rest();
    nnf_pool_close();
    check(helped(&team, 3, a_while, 0) == 0, "a closed pool has no helpers");
    check(team.n_threads == 3, "though it has had some");
    nnf_pool_forget();
    check(helped(&team, 3, enough, 0) > 0, "a child starts its own");
    nnf_pool_close();
    nnf_pool_forget();
    nnf_pool_close();
    check(helped(&team, 3, a_while, 0) == 0, "nor does one that never had any");
    check(team.n_threads == 1, "which the team is told");
    nnf_pool_forget();
    free(taken);
}

/* A task that a helper takes long for. */

struct slow {
    atomic_bool begun, may_end, ended;
    bool forks;
    int child; /* its number; 0: in the child */
};

static const size_t LONG = 20000; /* milliseconds */

static void
wait_for(atomic_bool *event)
{
    for (size_t i = 0; i < LONG && !atomic_load(event); i++) {
        nap();
    }
}

static void
work_slowly(void *context, const struct nnf_part *part)
{
    struct slow *slow = context;

    if (part->worker > 0) {
        atomic_store(&slow->begun, true);
        if (!slow->forks) {
            wait_for(&slow->may_end);
        }
        for (int i = 0; i < 30; i++) {
            nap();
        }
        atomic_store(&slow->ended, true);
        return;
    }
    wait_for(&slow->begun);
#if !defined(_WIN32)
    if (slow->forks) {
        slow->child = fork();
    }
#endif
}

static void
let_end(void *context)
{
    atomic_store(&((struct slow *)context)->may_end, true);
}

static void
check_idle_callers(void)
{
    atomic_bool taken[2];
    struct slow slow = {.child = -1};
    struct nnf_team team = team_of(2, taken);

    team.idle = let_end;
    team.idle_context = &slow;
    nnf_team_run(&team, 2, work_slowly, &slow);
    check(atomic_load(&slow.may_end), "a caller is idle while a helper is at work");
    check(atomic_load(&slow.ended), "and waits for it");
}

/* A caller that forks in a task, as a signal handler may: its helpers end theirs first.
 */
static void
check_forks(void)
{
#if !defined(_WIN32)
    atomic_bool taken[2];
    struct slow slow = {.forks = true, .child = -1};
    struct nnf_team team = team_of(2, taken);
    int status = -1;

    nnf_team_run(&team, 2, work_slowly, &slow);
    if (slow.child == 0) {
        _exit(!atomic_load(&slow.ended));
    }
    check(atomic_load(&slow.ended), "a task is done in the parent of a fork");
    check(waitpid(slow.child, &status, 0) == slow.child && status == 0,
          "and in the child");
#endif
}

static void
check_clock(void)
{
#if !defined(_WIN32)
    struct timespec before, after;
    double now, first, last;

    clock_gettime(CLOCK_MONOTONIC, &before);
    now = nnf_clock();
    clock_gettime(CLOCK_MONOTONIC, &after);
    first = (double)before.tv_sec * 1e9 + (double)before.tv_nsec;
    last = (double)after.tv_sec * 1e9 + (double)after.tv_nsec;
    check(first <= now && now <= last, "the clock tells nanoseconds");
#endif
}

int
main(void)
{
    for (size_t count = 0; count < COUNT; count = 2 * count + 1) {
        for (size_t n_shares = 1; n_shares <= MOST_SHARES; n_shares++) {
            check_shares(count, 1, n_shares);
            check_shares(count, 3, n_shares);
            check_shares(count, 8, n_shares);
        }
    }
    check_clock();
    check_team();
    check_helpers();
    check_idle_callers();
    check_forks();
    return verdict();
}
