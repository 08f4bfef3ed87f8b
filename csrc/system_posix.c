/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Threads of POSIX.
 */
#define _POSIX_C_SOURCE 200809L /* signal masks and clocks, which C11 alone hides */

#include "system.h"

#if !defined(_WIN32)

#include <signal.h>
#include <time.h>

void
nnf_mutex_lock(nnf_mutex *mutex)
{
    pthread_mutex_lock(mutex);
}

void
nnf_mutex_unlock(nnf_mutex *mutex)
{
    pthread_mutex_unlock(mutex);
}

void
nnf_condition_wait(nnf_condition *condition, nnf_mutex *mutex)
{
    pthread_cond_wait(condition, mutex);
}

void
nnf_condition_nap(nnf_condition *condition, nnf_mutex *mutex, double nanoseconds)
{
    struct timespec end;

    clock_gettime(CLOCK_REALTIME, &end); /* the one that a condition goes by */
    end.tv_nsec += (long)nanoseconds;
    end.tv_sec += end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    pthread_cond_timedwait(condition, mutex, &end);
}

void
nnf_condition_wake_all(nnf_condition *condition)
{
    pthread_cond_broadcast(condition);
}

static void *
work(void *argument)
{
    nnf_pool_work(argument);
    return NULL;
}

bool
nnf_thread_start(nnf_thread *thread, void *argument)
{
    sigset_t all, before;
    bool started;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    started = pthread_create(thread, NULL, work, argument) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

void
nnf_thread_join(nnf_thread thread)
{
    pthread_join(thread, NULL);
}

double
nnf_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static bool forgets_in_children;

/* When the library is loaded: calls take the pool's lock before there is a thread in
 * it, and a child that is forked then has the lock, but not the thread that holds it.
 */
__attribute__((constructor)) static void
enter(void)
{
    forgets_in_children = pthread_atfork(nnf_pool_settle, NULL, nnf_pool_forget) == 0;
}

bool
nnf_system_begin(void)
{
    return forgets_in_children;
}

/* dlclose runs it too, and takes the fork handler of a library with it. */
__attribute__((destructor)) static void
leave(void)
{
    nnf_pool_close();
}

#endif
