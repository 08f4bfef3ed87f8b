/* SPDX-License-Identifier: BSD-3-Clause
 *
 * nnfast._core.Prepared: predictions of an estimator as it was when this was made. To
 * look at an estimator takes Python longer than a row takes through a small network:
 * this remembers the objects that were looked at, and sees whether they are there
 * still. The GIL is held meanwhile, so it is for little work only.
 */
#include "core.h"

typedef struct {
    PyObject_HEAD
    NetObject *net;
    PyObject *views;      /* a tuple, as nnf_views_check wants it */
    PyObject *attributes; /* a dict: what must be there, the same objects */
    PyObject *absent;     /* the name of what must not */
    size_t most_rows;
} PreparedObject;

static int
prepared_traverse(PyObject *object, visitproc visit, void *arg)
{
    PreparedObject *self = (PreparedObject *)object;

    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->net);
    Py_VISIT(self->views);
    Py_VISIT(self->attributes);
    Py_VISIT(self->absent);
    return 0;
}

static void
prepared_dealloc(PyObject *object)
{
    PreparedObject *self = (PreparedObject *)object;
    PyTypeObject *type = Py_TYPE(object);

    PyObject_GC_UnTrack(object);
    Py_XDECREF(self->net);
    Py_XDECREF(self->views);
    Py_XDECREF(self->attributes);
    Py_XDECREF(self->absent);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyObject *
prepared_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"net",    "views",     "attributes",
                               "absent", "most_rows", NULL};
    struct module_state *state = PyType_GetModuleState(type);
    PyObject *net, *views, *attributes, *absent;
    Py_ssize_t most_rows;
    PreparedObject *self;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!O!Un:Prepared", keywords,
                                     state->net_type, &net, &PyTuple_Type, &views,
                                     &PyDict_Type, &attributes, &absent, &most_rows)) {
        return NULL;
    }
    if (PyTuple_GET_SIZE(views) != NNF_VIEWS || most_rows < 0) {
        PyErr_Format(PyExc_ValueError,
                     "views must have 4 entries and most_rows not be negative, got %zd "
                     "and %zd",
                     PyTuple_GET_SIZE(views), most_rows);
        return NULL;
    }
    self = (PreparedObject *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->net = (NetObject *)Py_NewRef(net);
        self->views = Py_NewRef(views);
        self->attributes = PyDict_Copy(attributes);
        self->absent = Py_NewRef(absent);
        self->most_rows = (size_t)most_rows;
        if (self->attributes == NULL) {
            Py_CLEAR(self);
        }
    }
    return (PyObject *)self;
}

/* Whether an estimator's attributes are the same still; -1 with an exception. */
static int
is_same(const PreparedObject *self, PyObject *state)
{
    PyObject *name, *value;
    Py_ssize_t position = 0;

    while (PyDict_Next(self->attributes, &position, &name, &value)) {
        if (PyDict_GetItemWithError(state, name) != value) {
            return PyErr_Occurred() ? -1 : 0;
        }
    }
    if (PyDict_GetItemWithError(state, self->absent) != NULL || PyErr_Occurred()) {
        return PyErr_Occurred() ? -1 : 0;
    }
    return 1;
}

/* Whether X are rows that this has been prepared for, of the type of θ. */
static bool
is_prepared_for(const PreparedObject *self, PyObject *object, enum nnf_real real,
                struct array *X)
{
    size_t width = self->net->net.widths[0];

    return nnf_array_is_plain(object, ELEMENT_ANY_REAL, 2, X) && X->real == real &&
           X->size % width == 0 && X->size / width <= self->most_rows &&
           nnf_array_has_shape(object, X->size / width, width);
}

/* The outputs of rows that are finite, else None. */
static PyObject *
predict(const PreparedObject *self, const struct array *theta, const struct array *X,
        bool both)
{
    const struct nnf_net *net = &self->net->net;
    const struct nnf_kernels *kernels =
        nnf_net_kernels(self->net, Py_None, theta->real);
    struct nnf_data data = {.n_rows = X->size / net->widths[0], .inputs = X->data};
    size_t width = net->widths[net->n_layers];
    struct array out;
    PyObject *result;
    void *block, *workspace;

    if (!nnf_all_finite(kernels, X->size, X->data)) {
        return Py_NewRef(Py_None);
    }
    workspace =
        nnf_workspace_new(nnf_predict_workspace(net, kernels, &data, 1), &block);
    if (workspace == NULL) {
        return NULL;
    }
    both = both && width == 1;
    result = nnf_array_new(data.n_rows, both ? 2 : width, theta->real, both, &out);
    if (result != NULL) {
        void *outputs = (char *)out.data + (both ? out.n_bytes / 2 : 0);

        nnf_predict(net, kernels, theta->data, &data, outputs, 1, NULL, workspace);
        if (both) {
            nnf_complement(theta->real, data.n_rows, outputs, out.data);
        }
    }
    PyMem_RawFree(block);
    return result;
}

/* Arguments: the dict of an estimator's attributes, X, and whether a single output has
 * its complement before it. */
static PyObject *
prepared_predict(PyObject *object, PyObject *const *args, Py_ssize_t n_args)
{
    const PreparedObject *self = (PreparedObject *)object;
    PyObject *const *views = &PyTuple_GET_ITEM(self->views, 0);
    struct array X, theta;
    int same, both;

    if (n_args != 3 || !PyDict_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "predict takes a dict and 2 other arguments");
        return NULL;
    }
    both = PyObject_IsTrue(args[2]);
    same = both < 0 ? -1 : is_same(self, args[0]);
    if (same > 0) {
        same = nnf_views_check(views, &theta);
    }
    if (same < 0) {
        return NULL;
    }
    if (same == 0 || !nnf_array_is_plain(views[0], ELEMENT_ANY_REAL, 1, &theta) ||
        theta.size != nnf_net_size(&self->net->net) ||
        !is_prepared_for(self, args[1], theta.real, &X)) {
        return Py_NewRef(Py_None);
    }
    return predict(self, &theta, &X, both);
}

static PyMethodDef prepared_methods[] = {
    {"predict", (PyCFunction)(void (*)(void))prepared_predict, METH_FASTCALL,
     "Return the outputs of X, or None where it is not prepared for that."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot prepared_slots[] = {
    {Py_tp_doc, (void *)"Predictions of an estimator as it was when this was made."},
    {Py_tp_new, prepared_new},
    {Py_tp_dealloc, prepared_dealloc},
    {Py_tp_traverse, prepared_traverse},
    {Py_tp_methods, prepared_methods},
    {0, NULL},
};

PyType_Spec nnf_prepared_spec = {
    .name = "nnfast._core.Prepared",
    .basicsize = sizeof(PreparedObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = prepared_slots,
};
