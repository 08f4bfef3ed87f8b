/* SPDX-License-Identifier: BSD-3-Clause */
#include "threads.h"

#include "dispatch.h"
#include "paces.h"
#include "system.h"

/* Nanoseconds that a thread looks for what it waits for before it sleeps. A task
 * follows the last within microseconds while a network trains; to be woken takes as
 * long as this on some machines. */
#define PATIENCE 50e3
#define LOOKS 16 /* between two looks at the clock */

/* Nanoseconds between two calls of a waiting team's idle function. */
#define NAP 5e6

/* A place that no cache line of another shares. */
#define APART 128

/* A thread of the pool. */
struct helper {
    /* Null, or a team that asks it to help; busy once it does; end: to end itself. Only
     * null can be changed to an offer, and that by anyone. */
    _Alignas(APART) _Atomic(struct nnf_team *) offer;
    atomic_bool asleep;
    nnf_mutex lock;
    nnf_condition wake;
    nnf_thread thread;
};

static struct {
    struct helper helpers[NNF_MAX_THREADS - 1];
    struct nnf_team busy, end; /* offers by their address only */
    atomic_size_t n_helpers;   /* started; only grows, but for a fork */
    atomic_size_t n_calls;     /* at work in the core */
    nnf_mutex lock;            /* for starting helpers, and sleeping on `finished` */
    bool begun, closed;
    atomic_size_t limit;
    atomic_bool forced;
    atomic_size_t n_waiting; /* callers that sleep until a helper has finished */
    nnf_condition finished;
} pool = {
    .lock = NNF_MUTEX_INITIAL,
    .finished = NNF_CONDITION_INITIAL,
    .limit = NNF_MAX_THREADS,
};

/* The usual model of glibc gets memory when a thread first looks, and ends the process
 * where there is none. */
#if defined(__GLIBC__)
#define THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define THREAD_LOCAL _Thread_local
#endif

/* The team of the innermost task that this thread has called, and is in. */
static THREAD_LOCAL struct nnf_team *innermost;

static inline void
relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* A helper's life. */

static struct nnf_team *
look(struct helper *self)
{
    return atomic_load_explicit(&self->offer, memory_order_acquire);
}

static struct nnf_team *
wait_for_offer(struct helper *self)
{
    struct nnf_team *team;

    for (double end = nnf_clock() + PATIENCE; nnf_clock() < end;) {
        for (int i = 0; i < LOOKS; i++) {
            team = look(self);
            if (team != NULL) {
                return team;
            }
            relax();
        }
    }
    nnf_mutex_lock(&self->lock);
    atomic_store(&self->asleep, true);
    while ((team = atomic_load(&self->offer)) == NULL) {
        nnf_condition_wait(&self->wake, &self->lock);
    }
    atomic_store(&self->asleep, false);
    nnf_mutex_unlock(&self->lock);
    return team;
}

/* Hand an offer to a helper that has none. False: it has one. */
static bool
offer(struct helper *helper, struct nnf_team *team)
{
    struct nnf_team *none = NULL;

    if (look(helper) != NULL ||
        !atomic_compare_exchange_strong(&helper->offer, &none, team)) {
        return false;
    }
    if (atomic_load(&helper->asleep)) {
        nnf_mutex_lock(&helper->lock);
        nnf_condition_wake_all(&helper->wake);
        nnf_mutex_unlock(&helper->lock);
    }
    return true;
}

/* Do shares until all are taken. Each worker begins with its own, so that it finds in
 * its cache what it left there in the last task. */
static void
do_shares(struct nnf_team *team, size_t worker)
{
    for (size_t i = 0; i < team->n_shares; i++) {
        struct nnf_part part = {worker, (worker + i) % team->n_shares, team->n_shares};

        if (!atomic_exchange(&team->taken[part.share], true)) {
            team->task(team->context, &part);
        }
    }
}

void
nnf_pool_work(void *argument)
{
    struct helper *self = argument;
    struct nnf_float_state state = nnf_float_enter();
    struct nnf_team *team;

    while ((team = wait_for_offer(self)) != &pool.end) {
        if (!atomic_compare_exchange_strong(&self->offer, &team, &pool.busy)) {
            continue; /* it has been taken back */
        }
        do_shares(team, (size_t)(self - pool.helpers) + 1);
        /* Free for the next task before the caller can have one. */
        atomic_store(&self->offer, NULL);
        atomic_fetch_add(&team->finished, 1);
        /* From here on the team may be gone. */
        if (atomic_load(&pool.n_waiting) > 0) {
            nnf_mutex_lock(&pool.lock);
            nnf_condition_wake_all(&pool.finished);
            nnf_mutex_unlock(&pool.lock);
        }
    }
    nnf_float_leave(state);
}

/* The pool. */

static void
clear(struct helper *helper)
{
    helper->lock = (nnf_mutex)NNF_MUTEX_INITIAL;
    helper->wake = (nnf_condition)NNF_CONDITION_INITIAL;
    atomic_store(&helper->offer, NULL);
    atomic_store(&helper->asleep, false);
}

/* Start helpers until there are so many, or the system refuses; how many there are. */
static size_t
start_helpers(size_t wanted)
{
    size_t there;

    nnf_mutex_lock(&pool.lock);
    pool.begun = pool.begun || nnf_system_begin();
    there = atomic_load(&pool.n_helpers);
    for (; there < wanted && pool.begun && !pool.closed; there++) {
        struct helper *helper = &pool.helpers[there];

        clear(helper);
        if (!nnf_thread_start(&helper->thread, helper)) {
            break;
        }
        atomic_store(&pool.n_helpers, there + 1);
    }
    nnf_mutex_unlock(&pool.lock);
    return there;
}

void
nnf_pool_forget(void)
{
    pool.lock = (nnf_mutex)NNF_MUTEX_INITIAL;
    pool.finished = (nnf_condition)NNF_CONDITION_INITIAL;
    atomic_store(&pool.n_waiting, 0);
    atomic_store(&pool.n_helpers, 0);
    /* The thread that forks is in no call, or in one that has stepped out. */
    atomic_store(&pool.n_calls, 0);
    pool.closed = false;
    nnf_paces_forget();
}

void
nnf_pool_close(void)
{
    nnf_mutex_lock(&pool.lock);
    pool.closed = true;
    nnf_mutex_unlock(&pool.lock);
    for (size_t i = 0; i < atomic_load(&pool.n_helpers); i++) {
        /* One that is busy belongs to a thread that has not ended: to a daemon, at the
         * exit of the process. */
        if (offer(&pool.helpers[i], &pool.end)) {
            nnf_thread_join(pool.helpers[i].thread);
        }
    }
}

size_t
nnf_threads_limit(void)
{
    return atomic_load_explicit(&pool.limit, memory_order_relaxed);
}

void
nnf_threads_set_limit(size_t n_threads)
{
    atomic_store(&pool.limit, max_size(1, min_size(n_threads, NNF_MAX_THREADS)));
}

bool
nnf_team_forced(void)
{
    return atomic_load_explicit(&pool.forced, memory_order_relaxed);
}

void
nnf_threads_force(bool force)
{
    atomic_store(&pool.forced, force);
}

/* A team. */

void
nnf_team_plan(struct nnf_team *team, size_t n_threads, struct arena *arena)
{
    team->n_threads = max_size(1, min_size(n_threads, NNF_MAX_THREADS));
    team->taken = arena_take(arena, team->n_threads, sizeof *team->taken);
    team->idle = NULL;
}

void
nnf_team_start(struct nnf_team *team)
{
    (void)team;
    atomic_fetch_add(&pool.n_calls, 1);
}

void
nnf_team_stop(struct nnf_team *team)
{
    (void)team;
    atomic_fetch_sub(&pool.n_calls, 1);
}

size_t
nnf_team_size(const struct nnf_team *team)
{
    size_t n_calls = atomic_load_explicit(&pool.n_calls, memory_order_relaxed);
    size_t most = min_size(team->n_threads, nnf_threads_limit());

    return nnf_team_forced() ? most : max_size(1, most / max_size(1, n_calls));
}

static bool
is_waiting(const struct nnf_team *team)
{
    /* Not a weaker load: of the waiter and nnf_pool_work, one has to see the other. */
    return atomic_load(&team->finished) != team->offers;
}

/* Sleep until the helpers have finished. Whatever is called meanwhile may call and
 * fork: the pool's lock is free then, and nobody waits. */
static void
sleep_until_finished(struct nnf_team *team, bool idles)
{
    nnf_mutex_lock(&pool.lock);
    atomic_fetch_add(&pool.n_waiting, 1);
    while (is_waiting(team)) {
        if (!idles) {
            nnf_condition_wait(&pool.finished, &pool.lock);
            continue;
        }
        nnf_condition_nap(&pool.finished, &pool.lock, NAP);
        atomic_fetch_sub(&pool.n_waiting, 1);
        nnf_mutex_unlock(&pool.lock);
        team->idle(team->idle_context);
        nnf_mutex_lock(&pool.lock);
        atomic_fetch_add(&pool.n_waiting, 1);
    }
    atomic_fetch_sub(&pool.n_waiting, 1);
    nnf_mutex_unlock(&pool.lock);
}

static void
wait_for_helpers(struct nnf_team *team, bool idles)
{
    for (double end = nnf_clock() + PATIENCE; nnf_clock() < end;) {
        for (int i = 0; i < LOOKS; i++) {
            if (!is_waiting(team)) {
                return;
            }
            relax();
        }
    }
    /* One has lost its CPU: perhaps it can have this one. */
    sleep_until_finished(team, idles && team->idle != NULL);
}

/* See to it that no helper is in the team's task any more. */
static void
settle(struct nnf_team *team, bool idles)
{
    size_t there = atomic_load_explicit(&pool.n_helpers, memory_order_acquire);

    for (size_t i = 0; i < there && team->offers > 0; i++) {
        struct nnf_team *ours = team, *none = NULL;

        team->offers -=
            look(&pool.helpers[i]) == team &&
            atomic_compare_exchange_strong(&pool.helpers[i].offer, &ours, none);
    }
    if (is_waiting(team)) {
        wait_for_helpers(team, idles);
    }
    team->offers = 0;
    atomic_store(&team->finished, 0);
}

/* Tasks that this thread is in go on in the child, but no helper does. */
void
nnf_pool_settle(void)
{
    for (struct nnf_team *team = innermost; team != NULL; team = team->outer) {
        settle(team, false);
    }
}

/* Offer the task to as many helpers as it has shares for; do what they leave. */
static void
share_out(struct nnf_team *team)
{
    size_t there = atomic_load_explicit(&pool.n_helpers, memory_order_acquire);

    if (there < team->n_shares - 1) {
        there = start_helpers(team->n_shares - 1);
        team->n_threads = min_size(team->n_threads, there + 1); /* do not ask again */
    }
    team->outer = innermost;
    innermost = team;
    for (size_t i = 0; i < there && team->offers < team->n_shares - 1; i++) {
        team->offers += offer(&pool.helpers[i], team);
    }
    do_shares(team, 0);
    settle(team, true);
    innermost = team->outer;
}

void
nnf_team_run(struct nnf_team *team, size_t n_shares, nnf_task *task, void *context)
{
    if (n_shares == 1) {
        task(context, &(struct nnf_part){0, 0, 1});
        return;
    }
    team->task = task;
    team->context = context;
    team->n_shares = n_shares;
    for (size_t i = 0; i < n_shares; i++) {
        atomic_init(&team->taken[i], false);
    }
    team->offers = 0;
    atomic_init(&team->finished, 0);
    share_out(team);
}
