/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Threads of Windows. A process there is never forked; when it ends its threads end
 * first, and a library with threads is not unloaded before.
 */
#include "system.h"

#if defined(_WIN32)

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

_Static_assert(sizeof(nnf_mutex) == sizeof(SRWLOCK), "a mutex is a lock");
_Static_assert(sizeof(nnf_condition) == sizeof(CONDITION_VARIABLE), "so is the other");

void
nnf_mutex_lock(nnf_mutex *mutex)
{
    AcquireSRWLockExclusive((SRWLOCK *)mutex);
}

void
nnf_mutex_unlock(nnf_mutex *mutex)
{
    ReleaseSRWLockExclusive((SRWLOCK *)mutex);
}

void
nnf_condition_wait(nnf_condition *condition, nnf_mutex *mutex)
{
    SleepConditionVariableSRW((CONDITION_VARIABLE *)condition, (SRWLOCK *)mutex,
                              INFINITE, 0);
}

void
nnf_condition_nap(nnf_condition *condition, nnf_mutex *mutex, double nanoseconds)
{
    SleepConditionVariableSRW((CONDITION_VARIABLE *)condition, (SRWLOCK *)mutex,
                              (DWORD)(nanoseconds / 1e6), 0);
}

void
nnf_condition_wake_all(nnf_condition *condition)
{
    WakeAllConditionVariable((CONDITION_VARIABLE *)condition);
}

static DWORD WINAPI
work(void *argument)
{
    nnf_pool_work(argument);
    return 0;
}

bool
nnf_thread_start(nnf_thread *thread, void *argument)
{
    *thread = CreateThread(NULL, 0, work, argument, 0, NULL);
    return *thread != NULL;
}

void
nnf_thread_join(nnf_thread thread)
{
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

double
nnf_clock(void)
{
    LARGE_INTEGER ticks, per_second;

    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&per_second);
    return (double)ticks.QuadPart * 1e9 / (double)per_second.QuadPart;
}

bool
nnf_system_begin(void)
{
    HMODULE module;

    return GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                                  GET_MODULE_HANDLE_EX_FLAG_PIN,
                              (const char *)(void *)work, &module) != 0;
}

#endif
