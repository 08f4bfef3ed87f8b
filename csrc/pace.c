/* SPDX-License-Identifier: BSD-3-Clause */
#include "pace.h"

#include <math.h>

/* Nanoseconds of a measurement, at least. */
#define MEASUREMENT 1e6

/* How much the latest measurement counts in the rate. */
#define NEWS 0.25

/* By how much more threads must be faster than half as many. */
#define GAIN 0.95

/* Beats before the first trial, which takes two or more. */
#define FIRST_TRIAL 8.0

/* A trial is followed by so many times its cost without one, and twice as many after
 * each that changes nothing; by so many nanoseconds at most. */
#define LEAST_CAUTION 32.0
#define LONGEST_REST 1e9

void
nnf_pace_begin(struct nnf_pace *pace, size_t n_threads, double likeness,
               double (*clock)(void))
{
    *pace = (struct nnf_pace){
        .most = n_threads,
        .likeness = likeness,
        .clock = clock,
        .cold = true,
        .caution = LEAST_CAUTION,
    };
}

size_t
nnf_pace_threads(const struct nnf_pace *pace)
{
    return pace->most >> pace->here;
}

void
nnf_pace_work(struct nnf_pace *pace, double work, bool shared)
{
    pace->work += work;
    pace->shared = pace->shared || shared;
}

/* From here on with most >> to threads. */
static void
change(struct nnf_pace *pace, unsigned to)
{
    pace->cold = pace->here != to;
    pace->here = to;
}

/* Whether there is another number of threads in that direction. */
static bool
can_go(const struct nnf_pace *pace, bool upward)
{
    return upward ? pace->home > 0 : pace->most >> pace->home > 1;
}

/* In a direction in which it can go. */
static void
begin_trial(struct nnf_pace *pace, bool upward)
{
    pace->upward = upward;
    pace->cost = 0;
    change(pace, upward ? pace->home - 1 : pace->home + 1);
}

static void
end_trial(struct nnf_pace *pace, double rate, double elapsed)
{
    double least = elapsed * LEAST_CAUTION, rest;

    if (rate < pace->home_rate * (pace->upward ? GAIN : 1 / GAIN)) {
        pace->rival_rate = pace->home_rate;
        pace->rival_upward = !pace->upward;
        pace->home_rate = rate;
        pace->home = pace->here;
        pace->caution = LEAST_CAUTION;
        if (can_go(pace, pace->upward)) { /* perhaps still better */
            begin_trial(pace, pace->upward);
            return;
        }
    }
    else {
        pace->rival_rate = rate;
        pace->rival_upward = pace->upward;
        pace->caution *= 2;
    }
    change(pace, pace->home);
    rest = fabs(pace->cost) * pace->caution;
    rest = rest > least ? rest : least;
    pace->rest = rest < LONGEST_REST ? rest : LONGEST_REST;
}

/* At home: a trial is due when its time has come, or when the latest, as it went, would
 * be won by now. */
static void
note_rate(struct nnf_pace *pace, double rate, double elapsed)
{
    double gain = pace->rival_upward ? GAIN : 1;

    if (pace->home_rate == 0) {
        pace->home_rate = rate;
        pace->rest = FIRST_TRIAL * elapsed / pace->beats;
    }
    pace->home_rate += NEWS * (rate - pace->home_rate);
    pace->rest -= elapsed;
    if (pace->rest <= 0 ||
        (pace->rival_rate > 0 && pace->home_rate * gain > pace->rival_rate)) {
        begin_trial(pace, can_go(pace, !pace->upward) ? !pace->upward : pace->upward);
    }
}

/* Draw the conclusion from so many nanoseconds of work. */
static void
conclude(struct nnf_pace *pace, double elapsed)
{
    pace->cost += elapsed - pace->work * pace->home_rate;
    if (pace->cold) { /* helpers had to be woken, and caches filled */
        pace->cold = false;
    }
    else if (pace->here != pace->home) {
        end_trial(pace, elapsed / pace->work, elapsed);
    }
    else {
        note_rate(pace, elapsed / pace->work, elapsed);
    }
}

void
nnf_pace_beat(struct nnf_pace *pace)
{
    double now;

    if (pace->most == 1 || (!pace->measuring && !pace->shared)) {
        pace->work = 0;
        return;
    }
    now = pace->clock();
    pace->beats++;
    if (pace->measuring && !pace->cold && now - pace->since < MEASUREMENT) {
        return;
    }
    if (pace->measuring && pace->shared) {
        conclude(pace, now - pace->since);
    }
    pace->measuring = pace->shared;
    pace->since = now;
    pace->work = pace->beats = 0;
    pace->shared = false;
}

void
nnf_pace_leave(struct nnf_pace *pace)
{
    if (pace->measuring) {
        pace->since -= pace->clock();
    }
}

void
nnf_pace_return(struct nnf_pace *pace)
{
    if (pace->measuring) {
        pace->since += pace->clock();
    }
}
