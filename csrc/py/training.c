/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Net.train: the whole of a stochastic fit in one call.
 */
#include "core.h"

#include <numpy/random/bitgen.h>
#include <string.h>

#include "epochs.h"
#include "fields.h"
#include "rows.h"

/* Arguments. */

struct generator {
    PyObject *capsule, *lock;
    struct nnf_bits bits;
};

/* NumPy's bitgen_t is what struct nnf_bits is made of. */
static int
generator_get(PyObject *bit_generator, struct generator *generator)
{
    bitgen_t *bitgen;

    generator->capsule = PyObject_GetAttrString(bit_generator, "capsule");
    if (generator->capsule != NULL) {
        generator->lock = PyObject_GetAttrString(bit_generator, "lock");
    }
    if (generator->capsule == NULL || generator->lock == NULL) {
        if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
            PyErr_Format(PyExc_TypeError,
                         "bit_generator must be a numpy.random.BitGenerator, got %s",
                         Py_TYPE(bit_generator)->tp_name);
        }
        return -1;
    }
    if (!PyCapsule_IsValid(generator->capsule, "BitGenerator")) {
        PyErr_Format(PyExc_TypeError,
                     "bit_generator's capsule must hold a BitGenerator, got %R",
                     generator->capsule);
        return -1;
    }
    bitgen = PyCapsule_GetPointer(generator->capsule, "BitGenerator");
    generator->bits.next_uint32 = bitgen->next_uint32;
    generator->bits.state = bitgen->state;
    return 0;
}

struct arguments {
    NetObject *self;
    PyObject *parameters, *moments, *X, *y, *sample_weight, *settings, *state;
    PyObject *split, *best_parameters, *bit_generator, *on_epoch, *isa;
};

static int
parse(PyObject *args, PyObject *kwargs, struct arguments *a)
{
    static char *keywords[] = {"parameters",
                               "moments",
                               "X",
                               "y",
                               "sample_weight",
                               "settings",
                               "state",
                               "split",
                               "best_parameters",
                               "bit_generator",
                               "on_epoch",
                               "isa",
                               NULL};

    a->split = a->best_parameters = a->bit_generator = Py_None;
    a->on_epoch = a->isa = Py_None;
    return PyArg_ParseTupleAndKeywords(
               args, kwargs, "OOOOOO!O!|OOOOO:train", keywords, &a->parameters,
               &a->moments, &a->X, &a->y, &a->sample_weight, &PyDict_Type, &a->settings,
               &PyDict_Type, &a->state, &a->split, &a->best_parameters,
               &a->bit_generator, &a->on_epoch, &a->isa)
               ? 0
               : -1;
}

#define N_ARRAYS 11

struct buffers {
    struct array parameters, moments, best_parameters;
    struct rows rows;
    struct array training, held_out, score_weight;
    struct nnf_split split;            /* made of these */
    const struct array *all[N_ARRAYS]; /* of the above, given or not */
};

/* The rows to learn from and to score, and the place for the best parameters. */
static int
get_split(const struct arguments *a, size_t size, struct buffers *b)
{
    const enum nnf_real real = b->parameters.real;
    const struct array_demand demand = {
        "best_parameters", nnf_element_of(real), 1, {size, 1}, true};
    const struct array_demand training = {
        "split[0]", ELEMENT_INT64, 1, {ANY_LENGTH, 1}, false};
    const struct array_demand held_out = {
        "split[1]", ELEMENT_INT64, 1, {ANY_LENGTH, 1}, false};

    if (!PyTuple_Check(a->split) || PyTuple_GET_SIZE(a->split) != 3) {
        PyErr_SetString(PyExc_TypeError, "split must be None or a tuple (training "
                                         "rows, held-out rows, sample_weight)");
        return -1;
    }
    if (nnf_array_get(a->best_parameters, &demand, &b->best_parameters) < 0 ||
        nnf_array_get(PyTuple_GET_ITEM(a->split, 0), &training, &b->training) < 0 ||
        nnf_array_get(PyTuple_GET_ITEM(a->split, 1), &held_out, &b->held_out) < 0 ||
        nnf_weights_get(PyTuple_GET_ITEM(a->split, 2), "split[2]", real, &b->rows,
                        &b->score_weight) < 0) {
        return -1;
    }
    b->split = (struct nnf_split){
        .n_training = b->training.size,
        .n_held_out = b->held_out.size,
        .training = b->training.data,
        .held_out = b->held_out.data,
        .weights = b->score_weight.data,
    };
    return 0;
}

static int
get_buffers(const struct arguments *a, enum nnf_solver solver, struct buffers *b)
{
    size_t size = nnf_net_size(&a->self->net);
    struct array_demand demand = {"parameters", ELEMENT_ANY_REAL, 1, {size, 1}, true};
    const struct array *all[N_ARRAYS] = {&b->parameters,      &b->moments,
                                         &b->best_parameters, &b->rows.X,
                                         &b->rows.columns,    &b->rows.row_starts,
                                         &b->rows.y,          &b->rows.sample_weight,
                                         &b->training,        &b->held_out,
                                         &b->score_weight};

    memcpy(b->all, all, sizeof all);
    if (nnf_array_get(a->parameters, &demand, &b->parameters) < 0) {
        return -1;
    }
    demand = (struct array_demand){"moments",
                                   nnf_element_of(b->parameters.real),
                                   2,
                                   {nnf_solver_moments(solver), size},
                                   true};
    if (nnf_array_get(a->moments, &demand, &b->moments) < 0 ||
        nnf_rows_get(&a->self->net, a->X, a->y, a->sample_weight, b->parameters.real,
                     &b->rows) < 0) {
        return -1;
    }
    if (a->split != Py_None && get_split(a, size, b) < 0) {
        return -1;
    }
    return nnf_arrays_check_overlap(b->all, N_ARRAYS);
}

/* The result. */

static const char *const stops[] = {
    [NNF_STOP_MAX_EPOCHS] = "max_iter",
    [NNF_STOP_NO_IMPROVEMENT] = "no_improvement",
    [NNF_STOP_NOT_FINITE] = "not_finite",
    [NNF_STOP_ASKED] = "interrupted",
};

/* Steals value. */
static int
put(PyObject *dict, const char *key, PyObject *value)
{
    int failed = value == NULL ? -1 : PyDict_SetItemString(dict, key, value);

    Py_XDECREF(value);
    return failed;
}

static PyObject *
report(struct epochs *epochs, const struct nnf_training *training)
{
    PyObject *result = nnf_state_write(training);

    if (result != NULL &&
        (put(result, "loss_curve", nnf_curve_list(&epochs->losses)) < 0 ||
         put(result, "scores", nnf_curve_list(&epochs->scores)) < 0 ||
         put(result, "stop", PyUnicode_FromString(stops[training->stop])) < 0 ||
         put(result, "first_bad_epoch", PyLong_FromSize_t(training->first_bad_epoch)) <
             0)) {
        Py_CLEAR(result);
    }
    return result;
}

/* After the call: 0 when there is a result to report, else -1 with an exception.
 * Ctrl-C is a result: what was learnt until then. */
static int
settle(struct epochs *epochs)
{
    if (epochs->out_of_memory) {
        PyErr_NoMemory();
        return -1;
    }
    if (!epochs->detached.failed) {
        return 0;
    }
    if (!PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
        return -1;
    }
    PyErr_Clear();
    return 0;
}

/* The call. */

/* Everything that one call holds; what it owns is released by call_end. */
struct call {
    struct arguments arguments;
    struct buffers buffers;
    struct generator generator;
    struct epochs epochs;
    struct nnf_training training;
    double *dropout; /* rates, one per hidden layer */
};

static void
call_end(struct call *call)
{
    PyMem_Free(call->dropout);
    nnf_curve_end(&call->epochs.losses);
    nnf_curve_end(&call->epochs.scores);
    Py_XDECREF(call->generator.capsule);
    Py_XDECREF(call->generator.lock);
}

/* Settings and state. Python code may run here, so the arrays are read later. */
static int
read_numbers(struct call *call)
{
    const struct arguments *a = &call->arguments;
    const struct nnf_net *net = &a->self->net;
    struct nnf_training *training = &call->training;

    call->dropout = PyMem_New(double, net->n_layers);
    if (call->dropout == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (nnf_settings_read(a->settings, training, call->dropout, net->n_layers - 1) <
        0) {
        return -1;
    }
    nnf_training_begin(training);
    return PyDict_Size(a->state) > 0 ? nnf_state_read(a->state, training) : 0;
}

/* The generator, and what is called meanwhile. */
static int
connect(struct call *call)
{
    const struct arguments *a = &call->arguments;
    struct nnf_training *training = &call->training;

    if (a->bit_generator != Py_None) {
        if (generator_get(a->bit_generator, &call->generator) < 0) {
            return -1;
        }
        call->generator.bits.hold = nnf_detached_hold;
        call->generator.bits.context = &call->epochs.detached;
        call->generator.bits.held = &call->epochs.detached.lock_held;
        training->shuffle = &call->generator.bits;
    }
    if (a->on_epoch != Py_None) {
        if (!PyCallable_Check(a->on_epoch)) {
            PyErr_Format(PyExc_TypeError, "on_epoch must be callable, got %R",
                         a->on_epoch);
            return -1;
        }
        call->epochs.on_epoch = a->on_epoch;
        training->on_epoch = nnf_epochs_call;
    }
    training->note_epoch = nnf_epochs_note;
    training->epoch_context = &call->epochs;
    training->poll = (struct nnf_poll){nnf_epochs_poll, &call->epochs};
    return 0;
}

/* What the arrays hold, and whether all goes together. */
static int
check_arrays(const struct call *call)
{
    const struct buffers *b = &call->buffers;
    const struct nnf_net *net = &call->arguments.self->net;
    const struct nnf_training *training = &call->training;
    const char *flaw;

    if (nnf_rows_check(net, &b->rows) < 0 ||
        (training->split != NULL &&
         (nnf_rows_check_numbers(&b->rows, &b->training) < 0 ||
          nnf_rows_check_numbers(&b->rows, &b->held_out) < 0))) {
        return -1;
    }
    flaw = nnf_training_check(net, &b->rows.data, training);
    if (flaw != NULL) {
        PyErr_SetString(PyExc_ValueError, flaw);
        return -1;
    }
    return 0;
}

/* The arrays are in their places. */
static PyObject *
run(struct call *call)
{
    const struct nnf_net *net = &call->arguments.self->net;
    struct buffers *b = &call->buffers;
    struct detached *detached = &call->epochs.detached;
    const struct nnf_kernels *kernels =
        nnf_net_kernels(call->arguments.self, call->arguments.isa, b->parameters.real);
    size_t size;

    if (kernels == NULL || check_arrays(call) < 0) {
        nnf_detached_drop(detached);
        return NULL;
    }
    size = nnf_train_workspace(net, kernels, &call->training, &b->rows.data);
    if (nnf_detached_begin(detached, size, call->generator.lock) < 0) {
        return NULL;
    }
    nnf_train(net, kernels, &call->training, &b->rows.data, b->parameters.data,
              b->moments.data, b->best_parameters.data, detached->workspace);
    nnf_detached_end(detached);
    return settle(&call->epochs) < 0 ? NULL : report(&call->epochs, &call->training);
}

static int
get_arrays(struct call *call)
{
    struct nnf_training *training = &call->training;

    if (get_buffers(&call->arguments, training->solver, &call->buffers) < 0) {
        return -1;
    }
    if (call->arguments.split != Py_None) {
        training->split = &call->buffers.split;
    }
    return nnf_detached_keep(&call->epochs.detached, call->buffers.all, N_ARRAYS);
}

PyObject *
nnf_net_train(PyObject *self, PyObject *args, PyObject *kwargs)
{
    struct call call = {.arguments.self = (NetObject *)self,
                        .epochs.losses.number = nnf_float64,
                        .epochs.scores.number = PyFloat_FromDouble};
    PyObject *result = NULL;

    if (parse(args, kwargs, &call.arguments) == 0 && read_numbers(&call) == 0 &&
        connect(&call) == 0 && get_arrays(&call) == 0) {
        result = run(&call);
    }
    call_end(&call);
    return result;
}
