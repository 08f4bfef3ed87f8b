/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a fit leaves behind epoch by epoch. Python is entered at an epoch's end only
 * when on_epoch was given; the curves grow without the GIL.
 */
#ifndef NNF_PY_EPOCHS_H
#define NNF_PY_EPOCHS_H

#include "core.h"

/* A list of doubles; PyMem_RawFree its values. */
struct curve {
    double *values;
    size_t length, capacity;
};

struct epochs {
    struct detached detached;
    struct curve losses, scores;
    bool out_of_memory;
    PyObject *on_epoch; /* or NULL */
};

/* struct nnf_training's on_epoch, with a struct epochs as its context. */
int nnf_epoch_ended(void *context, const struct nnf_training *training,
                    enum nnf_event event);

/* A new list of the curve's values, or NULL with an exception. */
PyObject *nnf_curve_list(const struct curve *curve);

#endif
