/* SPDX-License-Identifier: BSD-3-Clause */
#define _POSIX_C_SOURCE 200809L /* signal masks, which C11 alone hides */

#include "threads.h"

#include "dispatch.h"

#if NNF_THREADS

#include <sched.h>
#include <signal.h>

/* A task follows the last within microseconds while a network trains, so a worker
 * first looks for it busily, for some 20 µs, and then sleeps. */
#define SPINS 4000

static inline void
relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void
wait_for_round(struct nnf_team *team, size_t seen)
{
    for (int spin = 0; spin < SPINS; spin++) {
        if (atomic_load_explicit(&team->round, memory_order_acquire) != seen) {
            return;
        }
        relax();
    }
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add(&team->asleep, 1);
    while (atomic_load(&team->round) == seen) {
        pthread_cond_wait(&team->wake, &team->lock);
    }
    atomic_fetch_sub(&team->asleep, 1);
    pthread_mutex_unlock(&team->lock);
}

static void *
work(void *argument)
{
    struct nnf_team *team = argument;
    size_t worker = atomic_fetch_add(&team->joined, 1) + 1;
    struct nnf_float_state state = nnf_float_enter();

    for (size_t seen = 0;; seen++) {
        wait_for_round(team, seen);
        if (team->task == NULL) {
            break;
        }
        team->task(team->context, worker, team->n_workers);
        atomic_fetch_sub_explicit(&team->busy, 1, memory_order_release);
    }
    nnf_float_leave(state);
    return NULL;
}

/* Publish a task; the store of `round` makes all stores before it visible. */
static void
announce(struct nnf_team *team, nnf_task *task, void *context)
{
    team->task = task;
    team->context = context;
    atomic_store_explicit(&team->busy, team->n_workers - 1, memory_order_relaxed);
    atomic_fetch_add(&team->round, 1);
    if (atomic_load(&team->asleep) > 0) {
        pthread_mutex_lock(&team->lock);
        pthread_cond_broadcast(&team->wake);
        pthread_mutex_unlock(&team->lock);
    }
}

void
nnf_team_plan(struct nnf_team *team, size_t n_threads, struct arena *arena)
{
    team->n_workers = max_size(1, min_size(n_threads, NNF_MAX_THREADS));
    team->threads = arena_take(arena, team->n_workers, sizeof(pthread_t));
}

void
nnf_team_start(struct nnf_team *team)
{
    size_t planned = team->n_workers;
    sigset_t all, before;

    team->n_workers = 1;
    if (planned == 1) {
        return;
    }
    atomic_init(&team->round, 0);
    atomic_init(&team->busy, 0);
    atomic_init(&team->asleep, 0);
    atomic_init(&team->joined, 0);
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->wake, NULL);
    /* Signals are for the caller's threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    while (team->n_workers < planned &&
           pthread_create(&team->threads[team->n_workers - 1], NULL, work, team) == 0) {
        team->n_workers++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (team->n_workers == 1) {
        pthread_cond_destroy(&team->wake);
        pthread_mutex_destroy(&team->lock);
    }
}

void
nnf_team_stop(struct nnf_team *team)
{
    if (team->n_workers == 1) {
        return;
    }
    announce(team, NULL, NULL);
    for (size_t i = 0; i + 1 < team->n_workers; i++) {
        pthread_join(team->threads[i], NULL);
    }
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->lock);
}

void
nnf_team_run(struct nnf_team *team, nnf_task *task, void *context)
{
    if (team->n_workers == 1) {
        task(context, 0, 1);
        return;
    }
    announce(team, task, context);
    task(context, 0, team->n_workers);
    for (int spin = 0; atomic_load_explicit(&team->busy, memory_order_acquire) > 0;) {
        if (spin < SPINS) {
            spin++;
            relax();
        }
        else {
            sched_yield(); /* a worker has lost its CPU: perhaps to this thread */
        }
    }
}

#else

void
nnf_team_plan(struct nnf_team *team, size_t n_threads, struct arena *arena)
{
    (void)n_threads;
    (void)arena;
    team->n_workers = 1;
}

void
nnf_team_start(struct nnf_team *team)
{
    (void)team;
}

void
nnf_team_stop(struct nnf_team *team)
{
    (void)team;
}

void
nnf_team_run(struct nnf_team *team, nnf_task *task, void *context)
{
    (void)team;
    task(context, 0, 1);
}

#endif
