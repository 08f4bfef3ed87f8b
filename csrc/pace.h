/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How many threads a call is worth, found out by the clock: it begins with all it may
 * have, now and then tries half or twice as many, and keeps to what was faster. What a
 * trial cost decides how soon the next may come, so that all of them cost little.
 *
 * Only the time depends on it: results have the same bits for any number of threads.
 */
#ifndef NNF_PACE_H
#define NNF_PACE_H

#include <stdbool.h>
#include <stddef.h>

struct nnf_pace {
    size_t most;           /* threads that may be had */
    double likeness;       /* calls in which both are the same are alike */
    double (*clock)(void); /* nanoseconds */
    unsigned home, here;   /* the best known, and the present: most >> here threads */
    bool upward;           /* the direction of the latest trial */

    /* Of the present measurement. Rates are nanoseconds by unit of work. */
    bool measuring;
    bool cold;   /* the number of threads has just changed */
    bool shared; /* some of the work could be shared */
    double since, work, beats;

    double home_rate;  /* 0: not known yet */
    double rival_rate; /* of the latest trial, or of home before it */
    bool rival_upward; /* whether that was with more threads than home */
    double cost;       /* nanoseconds that it took longer than at home */
    double rest;       /* nanoseconds until the next */
    double caution;    /* how many times its cost that one will be put off */
};

void nnf_pace_begin(struct nnf_pace *pace, size_t n_threads, double likeness,
                    double (*clock)(void));

/* The threads to share work among now. */
size_t nnf_pace_threads(const struct nnf_pace *pace);

/* Note work that begins; shared: that more than one thread could take part in. */
void nnf_pace_work(struct nnf_pace *pace, double work, bool shared);

/* Called now and then between two like pieces of work. */
void nnf_pace_beat(struct nnf_pace *pace);

/* Time that passes between the two is not the work's: in a callback, or between alike
 * calls, the later of which goes on with the pace of the earlier. */
void nnf_pace_leave(struct nnf_pace *pace);
void nnf_pace_return(struct nnf_pace *pace);

#endif
