/* SPDX-License-Identifier: BSD-3-Clause */
#include "fields.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum kind { KIND_DOUBLE, KIND_SIZE, KIND_COUNT, KIND_BOOL, KIND_CHOICE };

struct field {
    const char *key;
    enum kind kind;
    size_t offset;
    const char *const *choices; /* null-terminated; the index is an int's value */
};

#define FIELD(key, kind, member)                                                       \
    {                                                                                  \
        key, kind, offsetof(struct nnf_training, member), NULL                         \
    }
#define CHOICE(key, member, names)                                                     \
    {                                                                                  \
        key, KIND_CHOICE, offsetof(struct nnf_training, member), names                 \
    }

static const char *const solvers[] = {[NNF_SGD] = "sgd", [NNF_ADAM] = "adam", NULL};
static const char *const schedules[] = {[NNF_CONSTANT] = "constant",
                                        [NNF_INVSCALING] = "invscaling",
                                        [NNF_ADAPTIVE] = "adaptive",
                                        NULL};
static const char *const scores[] = {[NNF_ACCURACY] = "accuracy",
                                     [NNF_R2] = "r2",
                                     [NNF_ALWAYS_RIGHT] = "always_right",
                                     NULL};

static const struct field setting_fields[] = {
    CHOICE("solver", solver, solvers),
    CHOICE("learning_rate", schedule, schedules),
    FIELD("learning_rate_init", KIND_DOUBLE, learning_rate_init),
    FIELD("power_t", KIND_DOUBLE, power_t),
    FIELD("momentum", KIND_DOUBLE, momentum),
    FIELD("nesterovs_momentum", KIND_BOOL, nesterov),
    FIELD("beta_1", KIND_DOUBLE, beta_1),
    FIELD("beta_2", KIND_DOUBLE, beta_2),
    FIELD("epsilon", KIND_DOUBLE, epsilon),
    FIELD("alpha", KIND_DOUBLE, alpha),
    FIELD("batch_size", KIND_SIZE, batch_size),
    FIELD("max_iter", KIND_SIZE, max_epochs),
    FIELD("tol", KIND_DOUBLE, tol),
    FIELD("n_iter_no_change", KIND_DOUBLE, n_iter_no_change),
    FIELD("dropout_seed", KIND_COUNT, dropout_seed),
    CHOICE("score", score, scores),
    FIELD("n_threads", KIND_SIZE, n_threads),
};

static const struct field state_fields[] = {
    FIELD("learning_rate", KIND_DOUBLE, learning_rate),
    FIELD("n_updates", KIND_COUNT, n_updates),
    FIELD("n_seen", KIND_COUNT, n_seen),
    FIELD("no_improvement", KIND_SIZE, no_improvement),
    FIELD("best_loss", KIND_DOUBLE, best_loss),
    FIELD("best_score", KIND_DOUBLE, best_score),
};

#define N_SETTINGS (sizeof setting_fields / sizeof setting_fields[0])
#define N_STATE (sizeof state_fields / sizeof state_fields[0])

int
nnf_text_read(PyObject *value, const char **text)
{
    Py_ssize_t length;

    *text = NULL;
    if (!PyUnicode_Check(value)) {
        return 0;
    }
    *text = PyUnicode_AsUTF8AndSize(value, &length);
    if (*text == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeError)) {
            return -1;
        }
        PyErr_Clear(); /* a lone surrogate has no UTF-8 */
    }
    else if (strlen(*text) != (size_t)length) {
        *text = NULL;
    }
    return 0;
}

int
nnf_number_refuse(PyObject *value, const char *name, const char *expected)
{
    bool type = PyErr_ExceptionMatches(PyExc_TypeError);

    /* Ctrl-C and the like are nobody's argument. */
    if (!type && !PyErr_ExceptionMatches(PyExc_ValueError) &&
        !PyErr_ExceptionMatches(PyExc_OverflowError)) {
        return -1;
    }
    PyErr_Format(type ? PyExc_TypeError : PyExc_ValueError, "%s must be %s, got %R",
                 name, expected, value);
    return -1;
}

int
nnf_number_read_double(PyObject *value, const char *name, double *number)
{
    *number = PyFloat_AsDouble(value);
    return PyErr_Occurred() ? nnf_number_refuse(value, name, "a number") : 0;
}

static int
read_uint64(PyObject *value, const char *name, uint64_t *number)
{
    *number = PyLong_AsUnsignedLongLong(value);
    return PyErr_Occurred()
               ? nnf_number_refuse(value, name,
                                   "a non-negative whole number below 2**64")
               : 0;
}

static int
read_size(PyObject *value, const char *name, size_t *number)
{
    *number = PyLong_AsSize_t(value);
    return PyErr_Occurred()
               ? nnf_number_refuse(value, name, "a non-negative whole number")
               : 0;
}

int
nnf_number_read_count(PyObject *value, const char *name, size_t *number)
{
    if (read_size(value, name, number) < 0) {
        return -1;
    }
    if (*number == 0) {
        PyErr_Format(PyExc_ValueError, "%s must be at least 1, got 0", name);
        return -1;
    }
    return 0;
}

/* The choice's number, or -1 with an exception. Every enumeration fits an int. */
static int
read_choice(const struct field *field, PyObject *value)
{
    const char *name;

    if (nnf_text_read(value, &name) < 0) {
        return -1;
    }
    for (int i = 0; name != NULL && field->choices[i] != NULL; i++) {
        if (strcmp(name, field->choices[i]) == 0) {
            return i;
        }
    }
    PyErr_Format(PyExc_ValueError, "%s: unknown choice %R", field->key, value);
    return -1;
}

static int
read_field(const struct field *field, PyObject *value, struct nnf_training *training)
{
    void *member = (char *)training + field->offset;
    int number;

    switch (field->kind) {
    case KIND_DOUBLE:
        return nnf_number_read_double(value, field->key, member);
    case KIND_SIZE:
        return read_size(value, field->key, member);
    case KIND_COUNT:
        return read_uint64(value, field->key, member);
    case KIND_BOOL:
        if (!PyBool_Check(value)) {
            PyErr_Format(PyExc_TypeError, "%s must be True or False, got %R",
                         field->key, value);
            return -1;
        }
        *(bool *)member = value == Py_True;
        return 0;
    case KIND_CHOICE:
        number = read_choice(field, value);
        memcpy(member, &number, sizeof number);
        return number < 0 ? -1 : 0;
    }
    return -1;
}

/* A new reference to the dictionary's value; NULL with a ValueError if it has none. */
static PyObject *
get_item(PyObject *dict, const char *name, const char *key)
{
    PyObject *text = PyUnicode_FromString(key), *value = NULL;

    if (text != NULL) {
        value = PyObject_GetItem(dict, text);
        Py_DECREF(text);
        if (value == NULL && PyErr_ExceptionMatches(PyExc_KeyError)) {
            PyErr_Format(PyExc_ValueError, "%s: '%s' is missing", name, key);
        }
    }
    return value;
}

/* Every field from the dictionary; `extra` keys of it are read elsewhere. */
static int
read_fields(const struct field *fields, size_t n_fields, const char *name,
            PyObject *dict, size_t extra, struct nnf_training *training)
{
    for (size_t i = 0; i < n_fields; i++) {
        PyObject *value = get_item(dict, name, fields[i].key);
        int failed = value == NULL ? -1 : read_field(&fields[i], value, training);

        Py_XDECREF(value);
        if (failed < 0) {
            return -1;
        }
    }
    if ((size_t)PyDict_Size(dict) != n_fields + extra) {
        PyErr_Format(PyExc_ValueError, "%s: expected %zu keys, got %zd: %R", name,
                     n_fields + extra, PyDict_Size(dict), dict);
        return -1;
    }
    return 0;
}

/* One rate per hidden layer from a tuple. */
static int
read_rates(PyObject *rates, double *dropout, size_t n_hidden)
{
    if (!PyTuple_Check(rates) || (size_t)PyTuple_GET_SIZE(rates) != n_hidden) {
        PyErr_Format(PyExc_ValueError,
                     "dropout must be None or a tuple of %zu rates, got %R", n_hidden,
                     rates);
        return -1;
    }
    for (size_t i = 0; i < n_hidden; i++) {
        PyObject *rate = PyTuple_GET_ITEM(rates, (Py_ssize_t)i);

        if (nnf_number_read_double(rate, "a dropout rate", &dropout[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
read_dropout(PyObject *settings, struct nnf_training *training, double *dropout,
             size_t n_hidden)
{
    PyObject *rates = get_item(settings, "settings", "dropout");
    int failed = rates == NULL ? -1 : 0;

    training->dropout = NULL;
    if (rates != NULL && rates != Py_None) {
        failed = read_rates(rates, dropout, n_hidden);
        training->dropout = dropout;
    }
    Py_XDECREF(rates);
    return failed;
}

int
nnf_settings_read(PyObject *settings, struct nnf_training *training, double *dropout,
                  size_t n_hidden)
{
    if (read_dropout(settings, training, dropout, n_hidden) < 0) {
        return -1;
    }
    return read_fields(setting_fields, N_SETTINGS, "settings", settings, 1, training);
}

int
nnf_state_read(PyObject *state, struct nnf_training *training)
{
    return read_fields(state_fields, N_STATE, "state", state, 0, training);
}

PyObject *
nnf_state_write(const struct nnf_training *training)
{
    PyObject *dict = PyDict_New();

    for (size_t i = 0; dict != NULL && i < N_STATE; i++) {
        const void *member = (const char *)training + state_fields[i].offset;
        PyObject *value;

        switch (state_fields[i].kind) {
        case KIND_DOUBLE:
            value = PyFloat_FromDouble(*(const double *)member);
            break;
        case KIND_SIZE:
            value = PyLong_FromSize_t(*(const size_t *)member);
            break;
        default:
            value = PyLong_FromUnsignedLongLong(*(const uint64_t *)member);
            break;
        }
        if (value == NULL ||
            PyDict_SetItemString(dict, state_fields[i].key, value) < 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(value);
    }
    return dict;
}
