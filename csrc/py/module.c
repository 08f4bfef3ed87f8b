/* SPDX-License-Identifier: BSD-3-Clause
 *
 * nnfast._core: the module itself. It reads the environment once, at import: which
 * instruction set to use, and how many threads.
 */
#include "core.h"

#include <stdlib.h>

/* The names for which keep() is true, as a tuple. */
static PyObject *
names_of(const char *(*name)(size_t), bool (*keep)(size_t))
{
    PyObject *list = PyList_New(0), *tuple;

    if (list == NULL) {
        return NULL;
    }
    for (size_t i = 0; name(i) != NULL; i++) {
        PyObject *text;

        if (!keep(i)) {
            continue;
        }
        text = PyUnicode_FromString(name(i));
        if (text == NULL || PyList_Append(list, text) < 0) {
            Py_XDECREF(text);
            Py_DECREF(list);
            return NULL;
        }
        Py_DECREF(text);
    }
    tuple = PyList_AsTuple(list);
    Py_DECREF(list);
    return tuple;
}

static const char *
activation_name(size_t i)
{
    return i < NNF_ACTIVATIONS ? nnf_activation_name((enum nnf_activation)i) : NULL;
}

static bool
is_hidden(size_t i)
{
    return nnf_activation_is_hidden((enum nnf_activation)i);
}

static const char *
loss_name(size_t i)
{
    return i < NNF_LOSSES ? nnf_loss_name((enum nnf_loss)i) : NULL;
}

static bool
any(size_t i)
{
    (void)i;
    return true;
}

static bool
is_supported(size_t i)
{
    return nnf_kernels_find(nnf_isa_name(i), NNF_FLOAT32) != NULL;
}

/* The one that NNFAST_ISA forces, or the best. */
static const char *
choose_isa(void)
{
    const struct nnf_kernels *best = nnf_kernels_find(NULL, NNF_FLOAT32);
    const char *forced = getenv("NNFAST_ISA");
    const struct nnf_kernels *chosen = forced == NULL || *forced == '\0'
                                           ? best
                                           : nnf_kernels_find(forced, NNF_FLOAT32);

    if (chosen == NULL) {
        if (PyErr_WarnFormat(PyExc_RuntimeWarning, 1,
                             "NNFAST_ISA='%s' is not an instruction set that this "
                             "build has and this CPU runs; using '%s' instead",
                             forced, nnf_kernels_isa(best)) < 0) {
            return NULL;
        }
        chosen = best;
    }
    return nnf_kernels_isa(chosen);
}

/* The limit that NNFAST_NUM_THREADS sets, where it is set. */
static int
limit_threads(void)
{
    const char *setting = getenv("NNFAST_NUM_THREADS");
    char *end;
    long n;

    if (setting == NULL || *setting == '\0') {
        return 0;
    }
    n = strtol(setting, &end, 10); /* what it cannot hold is LONG_MAX, a fine limit */
    if (*end != '\0' || n < 1) {
        return PyErr_WarnFormat(PyExc_RuntimeWarning, 1,
                                "NNFAST_NUM_THREADS='%s' is not a positive whole "
                                "number; using no limit but the CPUs there are instead",
                                setting);
    }
    nnf_threads_set_limit((size_t)n);
    return 0;
}

/* A new reference to a type that the module has from now on, or NULL. */
static PyObject *
add_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);

    if (type != NULL && PyModule_AddType(module, (PyTypeObject *)type) < 0) {
        Py_CLEAR(type);
    }
    return type;
}

/* Steals value. */
static int
add_object(PyObject *module, const char *name, PyObject *value)
{
    int failed = value == NULL ? -1 : PyModule_AddObjectRef(module, name, value);

    Py_XDECREF(value);
    return failed;
}

static int
module_exec(PyObject *module)
{
    struct module_state *state = PyModule_GetState(module);
    size_t lanes;

    if (nnf_arrays_import() < 0) {
        return -1;
    }
    state->isa = choose_isa();
    if (state->isa == NULL || limit_threads() < 0) {
        return -1;
    }
    lanes = nnf_kernels_lanes(nnf_kernels_find(state->isa, NNF_FLOAT32));
    state->net_type = add_type(module, &nnf_net_spec);
    state->prepared_type = add_type(module, &nnf_prepared_spec);
    if (state->net_type == NULL || state->prepared_type == NULL) {
        return -1;
    }
    if (add_object(module, "activations", names_of(activation_name, is_hidden)) < 0 ||
        add_object(module, "losses", names_of(loss_name, any)) < 0 ||
        add_object(module, "isas", names_of(nnf_isa_name, is_supported)) < 0 ||
        add_object(module, "isa", PyUnicode_FromString(state->isa)) < 0 ||
        add_object(module, "vector_bytes", PyLong_FromSize_t(lanes * sizeof(float))) <
            0) {
        return -1;
    }
    return 0;
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct module_state *state = PyModule_GetState(module);

    Py_VISIT(state->net_type);
    Py_VISIT(state->prepared_type);
    return 0;
}

static int
module_clear(PyObject *module)
{
    struct module_state *state = PyModule_GetState(module);

    Py_CLEAR(state->net_type);
    Py_CLEAR(state->prepared_type);
    return 0;
}

static void
module_free(void *module)
{
    module_clear(module);
}

static const char *
look_at_reals(const void *kernels, size_t n, const void *reals)
{
    return nnf_all_finite(kernels, n, reals) ? NULL : "not finite";
}

/* Whether all numbers are finite; -1 with an exception. */
static int
is_finite(const struct nnf_kernels *kernels, const struct array *array)
{
    const char *flaw;

    return nnf_array_look(array, look_at_reals, kernels, &flaw) < 0 ? -1 : flaw == NULL;
}

/* Arguments: any object, and a number of dimensions. */
static PyObject *
is_plain(PyObject *module, PyObject *const *args, Py_ssize_t n_args)
{
    struct module_state *state = PyModule_GetState(module);
    struct array array;
    long ndim;
    int finite;

    if (n_args != 2) {
        PyErr_Format(PyExc_TypeError, "is_plain takes 2 arguments, got %zd", n_args);
        return NULL;
    }
    ndim = PyLong_AsLong(args[1]);
    if (ndim == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (!nnf_array_is_plain(args[0], ELEMENT_ANY_REAL, ndim, &array)) {
        Py_RETURN_FALSE;
    }
    finite = is_finite(nnf_kernels_find(state->isa, array.real), &array);
    return finite < 0 ? NULL : PyBool_FromLong(finite);
}

static PyObject *
force_threads(PyObject *module, PyObject *force)
{
    int forced = PyObject_IsTrue(force);

    (void)module;
    if (forced < 0) {
        return NULL;
    }
    nnf_threads_force(forced);
    Py_RETURN_NONE;
}

static PyMethodDef module_methods[] = {
    {"is_plain", (PyCFunction)(void (*)(void))is_plain, METH_FASTCALL,
     "Whether an object is an array that the core can use as it is."},
    {"are_views", (PyCFunction)(void (*)(void))nnf_are_views, METH_FASTCALL,
     "Whether two lists of arrays are the views of a vector of parameters."},
    {"class_numbers", (PyCFunction)(void (*)(void))nnf_class_numbers, METH_FASTCALL,
     "The numbers of the classes of labels, where both are plain integers."},
    {"changes", nnf_changes, METH_VARARGS,
     "What has become another object in a dict, and which names are gone."},
    {"hand_over", nnf_hand_over, METH_VARARGS,
     "Make an estimator what its fit has made of a copy of it."},
    {"force_threads", force_threads, METH_O,
     "For tests: whether to share all work among n_threads, worth it or not."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#if defined Py_GIL_DISABLED && PY_VERSION_HEX >= 0x030E0000 /* tested from 3.14 on */
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "nnfast._core",
    .m_doc = "The C core of nnfast.",
    .m_size = sizeof(struct module_state),
    .m_methods = module_methods,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__core(void);

PyMODINIT_FUNC
PyInit__core(void)
{
    return PyModuleDef_Init(&module_def);
}
