/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Many threads that call the core at once, each of which asks for helpers, for
 * ThreadSanitizer to watch: whoever gets some, and whether they come in time, every
 * fit ends with the bits that it has alone. So do those of children that are forked
 * meanwhile, where no sanitizer watches.
 */
#define _POSIX_C_SOURCE 200809L

#include "nnfast.h"

#include "check.h"
#include "take.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

/* Children of a process whose threads are at work: qemu loses the threads that they
 * start, and a lock of a sanitizer's own stays locked in them. */
#if !defined(_WIN32) && !defined(EMULATED) && !defined(SANITIZED)
#define FORKS 1
#include <sys/wait.h>
#include <unistd.h>
#endif

enum { CALLERS = 6, FITS = 12, ROWS = 2500, INPUTS = 7, OUTPUTS = 3, MOST_THREADS = 8 };
enum { HIDDEN = 100 }; /* more than 1,024 parameters, whose step is shared too */
enum { CHILDREN = 12, PATIENCE = 120 };

static const struct nnf_net net = {
    .n_layers = 2,
    .widths = (const size_t[]){INPUTS, HIDDEN, OUTPUTS},
    .activations = (const enum nnf_activation[]){NNF_TANH, NNF_IDENTITY},
    .loss = NNF_SQUARED_ERROR,
};

enum { SIZE = (INPUTS + 1) * HIDDEN + (HIDDEN + 1) * OUTPUTS };

static float inputs[ROWS * INPUTS], targets[ROWS * OUTPUTS];
static const struct nnf_data data = {ROWS, inputs, NULL, NULL, 0, targets, NULL, NULL};

/* What a fit ends with. */
struct result {
    float theta[SIZE], outputs[ROWS * OUTPUTS];
    size_t polls;
};

static struct result alone;

static int
on_epoch(void *context, const struct nnf_training *training, enum nnf_event event)
{
    (void)training;
    (void)event;
    ++*(size_t *)context;
    return 0;
}

static void
fit(size_t n_threads, struct result *result)
{
    const struct nnf_kernels *kernels = nnf_kernels_find(NULL, NNF_FLOAT32);
    struct nnf_training training = {
        .solver = NNF_SGD,
        .learning_rate_init = 0.01,
        .momentum = 0.9,
        .alpha = 0.01,
        .batch_size = 700,
        .max_epochs = 3,
        .n_iter_no_change = INFINITY,
        .n_threads = n_threads,
        .on_epoch = on_epoch,
        .epoch_context = &result->polls,
    };
    float velocity[SIZE] = {0};
    void *work;

    memset(result, 0, sizeof *result);
    for (size_t i = 0; i < SIZE; i++) {
        result->theta[i] = (float)(i % 19) / 19 - 0.5f;
    }
    nnf_training_begin(&training);
    work = take(nnf_train_workspace(&net, kernels, &training, &data), 0xff);
    nnf_train(&net, kernels, &training, &data, result->theta, velocity, NULL, work);
    free(work);
    work = take(nnf_predict_workspace(&net, kernels, &data, n_threads), 0xff);
    nnf_predict(&net, kernels, result->theta, &data, result->outputs, n_threads, NULL,
                work);
    free(work);
}

/* Fits with all numbers of threads, some of them after a sleep long enough for helpers
 * to fall asleep too; how many went wrong. */
static void *
call(void *argument)
{
    size_t caller = (size_t)(uintptr_t)argument, wrong = 0;
    const struct timespec nap = {.tv_nsec = 300000};

    for (size_t i = 0; i < FITS; i++) {
        struct result result;

        fit(1 + (caller + i) % MOST_THREADS, &result);
        wrong += memcmp(&result, &alone, sizeof alone) != 0;
        if ((caller + i) % 3 == 0) {
            nanosleep(&nap, NULL);
        }
    }
    return (void *)(uintptr_t)wrong;
}

#if defined(FORKS)

/* How many children went wrong, each of which fits with helpers of its own. */
static size_t
fork_children(void)
{
    size_t wrong = 0;

    for (size_t i = 0; i < CHILDREN; i++) {
        struct result result;
        int status = 1;
        pid_t pid = fork();

        if (pid == 0) {
            alarm(PATIENCE); /* one that hangs is killed */
            fit(1 + i % MOST_THREADS, &result);
            exit(memcmp(&result, &alone, sizeof alone) != 0); /* its pool ends too */
        }
        wrong += pid < 0 || waitpid(pid, &status, 0) != pid || status != 0;
    }
    return wrong;
}

#else

static size_t
fork_children(void)
{
    return 0;
}

#endif

/* How many fits of all callers, and of children of theirs, went wrong. */
static size_t
call_at_once(void)
{
    pthread_t threads[CALLERS];
    size_t wrong = 0;

    for (size_t i = 0; i < CALLERS; i++) {
        if (pthread_create(&threads[i], NULL, call, (void *)(uintptr_t)i) != 0) {
            printf("FAILED: no thread\n");
            exit(1);
        }
    }
    wrong += fork_children();
    for (size_t i = 0; i < CALLERS; i++) {
        void *count;

        pthread_join(threads[i], &count);
        wrong += (size_t)(uintptr_t)count;
    }
    return wrong;
}

int
main(void)
{
    for (size_t i = 0; i < ROWS * INPUTS; i++) {
        inputs[i] = (float)(i * 37 % 101) / 50 - 1;
    }
    for (size_t i = 0; i < ROWS * OUTPUTS; i++) {
        targets[i] = inputs[i / OUTPUTS * INPUTS + i % OUTPUTS] * inputs[i];
    }
    check(nnf_net_size(&net) == SIZE && nnf_data_check(&net, &data) == NULL,
          "the network and its data are sound");
    fit(1, &alone);
    check(alone.polls == 3, "every epoch is reported");
    check(call_at_once() == 0, "callers at once get the bits of one alone");
    nnf_threads_force(true);
    check(call_at_once() == 0, "and when all work is shared");
    nnf_threads_set_limit(2);
    check(nnf_threads_limit() == 2, "the limit is what was set");
    check(call_at_once() == 0, "and under a limit");
    nnf_threads_set_limit(0);
    check(nnf_threads_limit() == 1, "the least limit is the caller alone");
    nnf_threads_set_limit(SIZE_MAX);
    check(nnf_threads_limit() == 256, "there is a greatest limit");
    return verdict();
}
