/* SPDX-License-Identifier: BSD-3-Clause
 *
 * nnfast._core.Net: the shape of a network, and what can be asked of it at a fixed θ.
 */
#include "core.h"

#include <float.h>

#include "fields.h"
#include "rows.h"

/* The value. */

static void
net_dealloc(PyObject *object)
{
    NetObject *self = (NetObject *)object;
    PyTypeObject *type = Py_TYPE(object);

    PyMem_Free((void *)self->net.widths);
    PyMem_Free((void *)self->net.activations);
    type->tp_free(object);
    Py_DECREF(type);
}

static int
read_widths(PyObject *tuple, size_t *widths)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        widths[i] = PyLong_AsSize_t(PyTuple_GET_ITEM(tuple, i));
        if (widths[i] == (size_t)-1 && PyErr_Occurred()) {
            return nnf_number_refuse(PyTuple_GET_ITEM(tuple, i), "widths",
                                     "positive integers");
        }
    }
    return 0;
}

static int
read_activations(PyObject *tuple, enum nnf_activation *activations)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        PyObject *item = PyTuple_GET_ITEM(tuple, i);
        const char *name;

        if (!PyUnicode_Check(item)) {
            PyErr_Format(PyExc_TypeError, "activations must be names, got %R", item);
            return -1;
        }
        if (nnf_text_read(item, &name) < 0) {
            return -1;
        }
        activations[i] = name == NULL ? NNF_ACTIVATIONS : nnf_activation_find(name);
        if (activations[i] == NNF_ACTIVATIONS) {
            PyErr_Format(PyExc_ValueError, "activations: unknown activation %R", item);
            return -1;
        }
    }
    return 0;
}

/* Fill in a new network from Python's values; 0, or -1 with an exception. */
static int
read_net(struct nnf_net *net, PyObject *widths, PyObject *activations, const char *loss)
{
    Py_ssize_t n_layers = PyTuple_GET_SIZE(activations);
    size_t *width = PyMem_New(size_t, (size_t)n_layers + 1);
    enum nnf_activation *activation =
        PyMem_New(enum nnf_activation, (size_t)n_layers + 1);
    const char *flaw;

    net->widths = width;
    net->activations = activation;
    if (width == NULL || activation == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (read_widths(widths, width) < 0 ||
        read_activations(activations, activation) < 0) {
        return -1;
    }
    net->n_layers = (size_t)n_layers;
    net->loss = nnf_loss_find(loss);
    if (net->loss == NNF_LOSSES) {
        PyErr_Format(PyExc_ValueError, "loss: unknown loss '%s'", loss);
        return -1;
    }
    flaw = nnf_net_check(net);
    if (flaw != NULL) {
        PyErr_SetString(PyExc_ValueError, flaw);
        return -1;
    }
    return 0;
}

static PyObject *
net_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"widths", "activations", "loss", "huber_delta", NULL};
    PyObject *widths, *activations;
    const char *loss;
    double huber_delta = 1.0;
    NetObject *self;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!s|d:Net", keywords,
                                     &PyTuple_Type, &widths, &PyTuple_Type,
                                     &activations, &loss, &huber_delta)) {
        return NULL;
    }
    if (PyTuple_GET_SIZE(widths) != PyTuple_GET_SIZE(activations) + 1) {
        PyErr_Format(PyExc_ValueError,
                     "widths must be one longer than activations, got %zd and %zd",
                     PyTuple_GET_SIZE(widths), PyTuple_GET_SIZE(activations));
        return NULL;
    }
    self = (NetObject *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->net.huber_delta = huber_delta;
    if (read_net(&self->net, widths, activations, loss) < 0) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static PyObject *
net_get_size(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(nnf_net_size(&((NetObject *)self)->net));
}

/* Arguments that methods share. */

const struct nnf_kernels *
nnf_net_kernels(NetObject *self, PyObject *isa, enum nnf_real real)
{
    struct module_state *state = PyType_GetModuleState(Py_TYPE(self));
    const struct nnf_kernels *kernels = NULL;
    const char *name = state->isa;

    if (isa != Py_None && nnf_text_read(isa, &name) < 0) {
        return NULL;
    }
    if (name != NULL) {
        kernels = nnf_kernels_find(name, real);
    }
    if (kernels == NULL) {
        PyErr_Format(PyExc_ValueError,
                     "isa must be None or a name in nnfast._core.isas, got %R", isa);
    }
    return kernels;
}

static int
get_parameters(NetObject *self, PyObject *object, bool writable, struct array *array)
{
    const struct array_demand demand = {
        "parameters", ELEMENT_ANY_REAL, 1, {nnf_net_size(&self->net), 1}, writable};

    return nnf_array_get(object, &demand, array);
}

/* Not given is one thread. */
static int
get_threads(PyObject *object, size_t *n_threads)
{
    *n_threads = 1;
    return object == NULL ? 0 : nnf_number_read_count(object, "n_threads", n_threads);
}

static int
get_alpha(PyObject *object, double *alpha)
{
    if (nnf_number_read_double(object, "alpha", alpha) < 0) {
        return -1;
    }
    if (!(*alpha >= 0 && *alpha <= DBL_MAX)) {
        PyErr_Format(PyExc_ValueError, "alpha must be finite and not negative, got %R",
                     object);
        return -1;
    }
    return 0;
}

/* Methods. */

/* Whether out has, for a single output, a row of its complements above it. */
static bool
wants_both(PyObject *out, const struct array_demand *demand)
{
    return demand->shape[1] == 1 && nnf_array_has_shape(out, 2, demand->shape[0]);
}

static PyObject *
net_predict(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"parameters", "X", "out", "n_threads", "isa", NULL};
    NetObject *self = (NetObject *)object;
    const struct nnf_net *net = &self->net;
    PyObject *parameters_object, *X_object, *out_object;
    PyObject *threads_object = NULL, *isa = Py_None;
    size_t n_threads, size;
    bool both;
    void *outputs;
    struct array parameters, out;
    struct rows rows;
    const struct array *arrays[] = {&parameters, &out, &rows.X, &rows.columns,
                                    &rows.row_starts};
    struct array_demand demand = {"out", ELEMENT_ANY_REAL, 2, {0, 0}, true};
    const struct nnf_kernels *kernels;
    struct detached detached;
    const struct nnf_poll poll = {nnf_detached_poll, &detached};

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO|OO:predict", keywords,
                                     &parameters_object, &X_object, &out_object,
                                     &threads_object, &isa) ||
        get_threads(threads_object, &n_threads) < 0 ||
        get_parameters(self, parameters_object, false, &parameters) < 0) {
        return NULL;
    }
    if (nnf_rows_get_inputs(net, X_object, parameters.real, &rows) < 0) {
        return NULL;
    }
    demand.element = nnf_element_of(parameters.real);
    demand.shape[0] = rows.data.n_rows;
    demand.shape[1] = net->widths[net->n_layers];
    both = wants_both(out_object, &demand);
    if (both) {
        demand.shape[1] = demand.shape[0];
        demand.shape[0] = 2;
    }
    if (nnf_array_get(out_object, &demand, &out) < 0 ||
        nnf_arrays_check_overlap(arrays, 5) < 0 ||
        (kernels = nnf_net_kernels(self, isa, parameters.real)) == NULL) {
        return NULL;
    }
    if (nnf_detached_keep(&detached, arrays, 5) < 0) {
        return NULL;
    }
    if (nnf_rows_check_inputs(net, &rows) < 0 || rows.data.n_rows == 0) {
        nnf_detached_drop(&detached);
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    }
    size = nnf_predict_workspace(net, kernels, &rows.data, n_threads);
    if (nnf_detached_begin(&detached, size, NULL) < 0) {
        return NULL;
    }
    outputs = (char *)out.data + (both ? out.n_bytes / 2 : 0);
    if (nnf_predict(net, kernels, parameters.data, &rows.data, outputs, n_threads,
                    &poll, detached.workspace) &&
        both) {
        nnf_complement(out.real, rows.data.n_rows, outputs, out.data);
    }
    return nnf_detached_end(&detached) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *
net_gradient(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"parameters",    "X",     "y",
                               "sample_weight", "alpha", "gradient",
                               "n_threads",     "isa",   NULL};
    NetObject *self = (NetObject *)object;
    PyObject *parameters_object, *X, *y, *sample_weight, *gradient_object;
    PyObject *alpha_object, *threads_object = NULL, *isa = Py_None;
    double alpha, objective = 0;
    size_t n_threads, size;
    struct array parameters, gradient;
    struct rows rows;
    const struct array *arrays[] = {&parameters,        &gradient,        &rows.X,
                                    &rows.columns,      &rows.row_starts, &rows.y,
                                    &rows.sample_weight};
    struct array_demand demand = {
        "gradient", ELEMENT_ANY_REAL, 1, {nnf_net_size(&self->net), 1}, true};
    const struct nnf_kernels *kernels;
    struct detached detached;
    const struct nnf_poll poll = {nnf_detached_poll, &detached};

    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "OOOOOO|OO:gradient", keywords, &parameters_object, &X, &y,
            &sample_weight, &alpha_object, &gradient_object, &threads_object, &isa) ||
        get_alpha(alpha_object, &alpha) < 0 ||
        get_threads(threads_object, &n_threads) < 0 ||
        get_parameters(self, parameters_object, false, &parameters) < 0) {
        return NULL;
    }
    demand.element = nnf_element_of(parameters.real);
    if (nnf_array_get(gradient_object, &demand, &gradient) < 0 ||
        nnf_rows_get(&self->net, X, y, sample_weight, parameters.real, &rows) < 0 ||
        nnf_arrays_check_overlap(arrays, 7) < 0 ||
        (kernels = nnf_net_kernels(self, isa, parameters.real)) == NULL) {
        return NULL;
    }
    if (nnf_detached_keep(&detached, arrays, 7) < 0) {
        return NULL;
    }
    if (nnf_rows_check(&self->net, &rows) < 0) {
        nnf_detached_drop(&detached);
        return NULL;
    }
    size = nnf_gradient_workspace(&self->net, kernels, &rows.data, n_threads);
    if (nnf_detached_begin(&detached, size, NULL) < 0) {
        return NULL;
    }
    nnf_gradient(&self->net, kernels, parameters.data, &rows.data, alpha, gradient.data,
                 &objective, n_threads, &poll, detached.workspace);
    return nnf_detached_end(&detached) < 0 ? NULL : PyFloat_FromDouble(objective);
}

static PyMethodDef net_methods[] = {
    {"predict", (PyCFunction)(void (*)(void))net_predict, METH_VARARGS | METH_KEYWORDS,
     "Write the outputs of X into out."},
    {"gradient", (PyCFunction)(void (*)(void))net_gradient,
     METH_VARARGS | METH_KEYWORDS,
     "Return the objective and write its gradient into gradient."},
    {"train", (PyCFunction)(void (*)(void))nnf_net_train, METH_VARARGS | METH_KEYWORDS,
     "Train parameters and moments in place; return what happened."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef net_getset[] = {
    {"size", net_get_size, NULL, "Number of weights and biases.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot net_slots[] = {
    {Py_tp_doc, (void *)"The shape of a network: an immutable value."},
    {Py_tp_new, net_new},
    {Py_tp_dealloc, net_dealloc},
    {Py_tp_methods, net_methods},
    {Py_tp_getset, net_getset},
    {0, NULL},
};

PyType_Spec nnf_net_spec = {
    .name = "nnfast._core.Net",
    .basicsize = sizeof(NetObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = net_slots,
};
