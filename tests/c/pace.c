/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pace of a call against a clock that the test turns: steps take what a machine
 * says that they take with so many threads. Whatever the machine, all steps together
 * take little longer than with the best number of threads, also when that changes.
 */
#include "pace.h"

#include "check.h"

static double now; /* nanoseconds */
static size_t n_looks;

static double
clock_of_test(void)
{
    n_looks++;
    return now;
}

/* Nanoseconds of a step of one unit of work by so many threads. */
typedef double machine(size_t n_threads);

static double
ideal(size_t n_threads)
{
    return 6.4e6 / (double)n_threads;
}

static double
huge(size_t n_threads)
{
    return 30e6 / (double)n_threads;
}

static double
far_apart(size_t n_threads)
{
    return 5.5e6 + 5e5 * (double)n_threads;
}

static double
slow_with_all(size_t n_threads)
{
    return n_threads > 4 ? 300e3 : 400e3 / (double)n_threads;
}

static double
no_difference(size_t n_threads)
{
    return 150e3 + 0 * (double)n_threads;
}

static double
hardly_faster(size_t n_threads)
{
    return n_threads > 1 ? 980e3 : 1e6;
}

/* Time that so many steps take. */
static double
run(struct nnf_pace *pace, machine *step, size_t n_steps)
{
    double begin = now;

    for (size_t i = 0; i < n_steps; i++) {
        nnf_pace_beat(pace);
        nnf_pace_work(pace, 1, true);
        now += step(nnf_pace_threads(pace));
    }
    return now - begin;
}

/* A trial costs a 32nd of the time since the last, before caution grows, and there is
 * one more at the beginning of a fit. */
static void
check_machine(machine *step, size_t n_threads, size_t best, const char *name)
{
    struct nnf_pace pace;
    double least = step(best) * 1000, time;

    nnf_pace_begin(&pace, n_threads, 1, clock_of_test);
    time = run(&pace, step, 1000);
    check(time <= 1.1 * least, name);
    time = run(&pace, step, 1000);
    check(time <= 1.05 * least, name);
}

static void
check_change(machine *before, machine *after, size_t best, const char *name)
{
    struct nnf_pace pace;

    nnf_pace_begin(&pace, 2, 1, clock_of_test);
    run(&pace, before, 2000);
    check(run(&pace, after, 20000) <= 1.1 * 20000 * after(best), name);
}

/* Steps of the machine until a trial begins. */
static size_t
steps_to_trial(struct nnf_pace *pace, machine *step)
{
    size_t n = 0, before = nnf_pace_threads(pace);

    for (; n < 1000 && nnf_pace_threads(pace) == before; n++) {
        run(pace, step, 1);
    }
    return n;
}

/* The first measurement, for which helpers are woken and caches filled, is not
 * believed, nor the first after a change. */
static void
check_cold(void)
{
    struct nnf_pace pace;

    nnf_pace_begin(&pace, 2, 1, clock_of_test);
    run(&pace, ideal, 1);
    run(&pace, huge, 1);
    run(&pace, ideal, 3);
    check(pace.home_rate == ideal(2), "a cold start says nothing");
    steps_to_trial(&pace, ideal);
    now += 1e9;
    run(&pace, ideal, 2);
    check(nnf_pace_threads(&pace) == 2 && pace.rival_rate == ideal(1),
          "nor does a change");
    nnf_pace_begin(&pace, 2, 1, clock_of_test);
    /* Two until it measures, the cold one, and eight. */
    check(steps_to_trial(&pace, huge) == 11, "the first trial comes after eight steps");
}

/* How many of so many steps more threads than one were given. */
static size_t
steps_of_several(struct nnf_pace *pace, machine *step, size_t n_steps)
{
    size_t n = 0;

    for (size_t i = 0; i < n_steps; i++) {
        run(pace, step, 1);
        n += nnf_pace_threads(pace) > 1;
    }
    return n;
}

/* Threads that gain little or nothing are left alone, but for trials. */
static void
check_little_gain(machine *step, const char *name)
{
    struct nnf_pace pace;
    size_t n_changes = 0;

    nnf_pace_begin(&pace, 2, 1, clock_of_test);
    for (size_t i = 0; i < 40; i++) {
        size_t before = nnf_pace_threads(&pace);

        run(&pace, step, 1);
        n_changes += nnf_pace_threads(&pace) != before;
    }
    check(n_changes == 1, "one is chosen, and two not tried again at once");
    run(&pace, step, 1000);
    check(steps_of_several(&pace, step, 10000) < 10000 / 16, name);
}

static void
check_time_between(void)
{
    struct nnf_pace pace;

    nnf_pace_begin(&pace, 2, 1, clock_of_test);
    for (size_t i = 0; i < 2000; i++) {
        run(&pace, ideal, 1);
        nnf_pace_leave(&pace);
        now += i % 2 == 0 ? 1e6 : 1e9; /* a callback, or the time until the next call */
        nnf_pace_return(&pace);
    }
    check(nnf_pace_threads(&pace) == 2, "time in callbacks is not the work's");
}

static void
check_clock(void)
{
    struct nnf_pace pace;

    n_looks = 0;
    nnf_pace_begin(&pace, 1, 1, clock_of_test);
    run(&pace, ideal, 100);
    check(n_looks == 0, "a lone thread needs no clock");
    nnf_pace_begin(&pace, 2, 1, clock_of_test);
    for (size_t i = 0; i < 100; i++) {
        nnf_pace_beat(&pace);
        nnf_pace_work(&pace, 1, false);
    }
    check(n_looks == 0, "nor does work that cannot be shared");
    check(nnf_pace_threads(&pace) == 2, "which says nothing of threads");
}

int
main(void)
{
    now = 1e15; /* a machine that has run for some days */
    check_machine(ideal, 1, 1, "a lone thread");
    check_machine(ideal, 2, 2, "two threads that are twice as fast");
    check_machine(ideal, 64, 64, "64 threads that are 64 times as fast");
    check_machine(huge, 2, 2, "huge steps");
    check_machine(far_apart, 2, 1, "two threads that are half as fast");
    check_machine(far_apart, 64, 1, "the slower the more threads");
    check_machine(slow_with_all, 16, 4, "four are the best of 16");
    check_machine(no_difference, 8, 1, "any number of threads alike");
    check_change(ideal, far_apart, 1, "the other core gets busy");
    check_change(far_apart, ideal, 2, "the other core gets free");
    check_little_gain(no_difference, "a second thread that gains nothing");
    check_little_gain(hardly_faster, "one that gains 2 %");
    check_cold();
    check_time_between();
    check_clock();
    return verdict();
}
