/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the pool of threads needs of an operating system: a lock, a condition to sleep
 * on, threads, a clock, and a word when the process is copied or ends. One file per
 * system fills it in: system_posix.c, system_windows.c.
 */
#ifndef NNF_SYSTEM_H
#define NNF_SYSTEM_H

#include <stdbool.h>

#if defined(_WIN32)
/* What SRWLOCK, CONDITION_VARIABLE and HANDLE are, without windows.h. */
typedef void *nnf_mutex;
typedef void *nnf_condition;
typedef void *nnf_thread;
#define NNF_MUTEX_INITIAL NULL
#define NNF_CONDITION_INITIAL NULL
#else
#include <pthread.h>
typedef pthread_mutex_t nnf_mutex;
typedef pthread_cond_t nnf_condition;
typedef pthread_t nnf_thread;
#define NNF_MUTEX_INITIAL PTHREAD_MUTEX_INITIALIZER
#define NNF_CONDITION_INITIAL PTHREAD_COND_INITIALIZER
#endif

void nnf_mutex_lock(nnf_mutex *mutex);
void nnf_mutex_unlock(nnf_mutex *mutex);

/* Sleep until woken, for whatever reason, without the mutex meanwhile; nap: for so many
 * nanoseconds at most. */
void nnf_condition_wait(nnf_condition *condition, nnf_mutex *mutex);
void nnf_condition_nap(nnf_condition *condition, nnf_mutex *mutex, double nanoseconds);
void nnf_condition_wake_all(nnf_condition *condition);

/* A thread that runs nnf_pool_work(argument) and gets no signals; false when the system
 * refuses it. */
bool nnf_thread_start(nnf_thread *thread, void *argument);
void nnf_thread_join(nnf_thread thread);

/* Nanoseconds since some moment. */
double nnf_clock(void);

/* Before the first thread: see to it that the functions below are called, and that no
 * thread outlives the code that it runs. False: the system refuses. */
bool nnf_system_begin(void);

/* What the pool does, in threads.c. */
void nnf_pool_work(void *argument);
void nnf_pool_settle(void); /* before a fork, in the thread that forks */
void nnf_pool_forget(void); /* in a forked child, where its threads do not exist */
void nnf_pool_close(void);  /* before the library's code goes: at exit, by dlclose */

#endif
