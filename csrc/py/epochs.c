/* SPDX-License-Identifier: BSD-3-Clause */
#include "epochs.h"

static int
curve_add(struct curve *curve, double value)
{
    if (curve->length == curve->capacity) {
        size_t capacity = curve->capacity == 0 ? 64 : 2 * curve->capacity;
        double *values =
            PyMem_RawRealloc(curve->values, capacity * sizeof *curve->values);

        if (values == NULL) {
            return -1;
        }
        curve->values = values;
        curve->capacity = capacity;
    }
    curve->values[curve->length++] = value;
    return 0;
}

/* Values to the list; 0, or -1 with an exception, which ends the use of the curve. */
static int
curve_extend(struct curve *curve)
{
    if (curve->list == NULL) {
        curve->list = PyList_New(0);
    }
    if (curve->list == NULL) {
        return -1;
    }
    for (size_t i = 0; i < curve->length; i++) {
        PyObject *number = curve->number(curve->values[i]);
        int failed = number == NULL ? -1 : PyList_Append(curve->list, number);

        Py_XDECREF(number);
        if (failed < 0) {
            return -1;
        }
    }
    curve->length = 0;
    return 0;
}

PyObject *
nnf_curve_list(struct curve *curve)
{
    return curve_extend(curve) < 0 ? NULL : Py_NewRef(curve->list);
}

void
nnf_curve_end(struct curve *curve)
{
    Py_XDECREF(curve->list);
    PyMem_RawFree(curve->values);
}

static const char *const events[] = {
    [NNF_EVENT_NONE] = "",
    [NNF_EVENT_STOP] = "stop",
    [NNF_EVENT_LEARNING_RATE_LOWERED] = "learning_rate_lowered",
    [NNF_EVENT_LEARNING_RATE_TOO_SMALL] = "learning_rate_too_small",
};

static int
call_on_epoch(PyObject *on_epoch, const struct nnf_training *training,
              enum nnf_event event)
{
    bool scored = training->split != NULL;
    PyObject *score =
        scored ? PyFloat_FromDouble(training->validation_score) : Py_NewRef(Py_None);
    PyObject *epoch = NULL, *result = NULL;

    if (score != NULL) {
        epoch = Py_BuildValue("{s:n,s:d,s:O,s:d,s:s}", "n_iter",
                              (Py_ssize_t)training->n_epochs, "loss", training->loss,
                              "score", score, "learning_rate", training->learning_rate,
                              "event", events[event]);
    }
    if (epoch != NULL) {
        result = PyObject_CallOneArg(on_epoch, epoch);
    }
    Py_XDECREF(score);
    Py_XDECREF(epoch);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

int
nnf_epochs_note(void *context, const struct nnf_training *training)
{
    struct epochs *epochs = context;

    if (curve_add(&epochs->losses, training->loss) < 0 ||
        (training->split != NULL &&
         curve_add(&epochs->scores, training->validation_score) < 0)) {
        epochs->out_of_memory = true;
        return 1;
    }
    return 0;
}

int
nnf_epochs_call(void *context, const struct nnf_training *training,
                enum nnf_event event)
{
    struct epochs *epochs = context;

    /* An epoch can end with the exception set that a poll found in it. */
    if (epochs->detached.failed) {
        return 1;
    }
    nnf_detached_attach(&epochs->detached);
    if (call_on_epoch(epochs->on_epoch, training, event) < 0) {
        epochs->detached.failed = true;
    }
    nnf_detached_release(&epochs->detached);
    return epochs->detached.failed;
}

/* nnf_detached_poll, and the curves while it has the GIL. */
int
nnf_epochs_poll(void *context)
{
    struct epochs *epochs = context;

    nnf_detached_attach(&epochs->detached);
    if (PyErr_CheckSignals() < 0 || curve_extend(&epochs->losses) < 0 ||
        curve_extend(&epochs->scores) < 0) {
        epochs->detached.failed = true;
    }
    nnf_detached_release(&epochs->detached);
    return epochs->detached.failed;
}
