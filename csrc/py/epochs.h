/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a fit leaves behind epoch by epoch. Python is entered at an epoch's end only
 * when on_epoch was given; the curves grow without the GIL, and become Python's at the
 * polls: who interrupts a million epochs does not wait for a million numbers.
 */
#ifndef NNF_PY_EPOCHS_H
#define NNF_PY_EPOCHS_H

#include "core.h"

/* What it has is released by nnf_curve_end. */
struct curve {
    PyObject *(*number)(double); /* makes an entry of the list */
    PyObject *list;              /* or NULL: none yet */
    double *values;              /* that follow those of the list */
    size_t length, capacity;
};

struct epochs {
    struct detached detached;
    struct curve losses, scores;
    bool out_of_memory;
    PyObject *on_epoch; /* or NULL */
};

/* struct nnf_training's note_epoch, on_epoch (where on_epoch was given) and poll, with
 * a struct epochs as their context. */
int nnf_epochs_note(void *context, const struct nnf_training *training);
int nnf_epochs_call(void *context, const struct nnf_training *training,
                    enum nnf_event event);
int nnf_epochs_poll(void *context);

/* The list of the whole curve, a new reference, or NULL with an exception. */
PyObject *nnf_curve_list(struct curve *curve);
void nnf_curve_end(struct curve *curve);

#endif
