/* SPDX-License-Identifier: BSD-3-Clause */
#include "rows.h"

static int
get_dense(const struct nnf_net *net, PyObject *X, enum nnf_real real, struct rows *rows)
{
    const struct array_demand demand = {
        "X", nnf_element_of(real), 2, {ANY_LENGTH, net->widths[0]}, false};

    if (nnf_array_get(X, &demand, &rows->X) < 0) {
        return -1;
    }
    rows->data.n_rows = rows->X.shape[0];
    return 0;
}

static int
get_sparse(PyObject *X, enum nnf_real real, struct rows *rows)
{
    struct array_demand demand = {
        "X[0], the values,", nnf_element_of(real), 1, {ANY_LENGTH, 1}, false};
    PyObject *values, *columns, *row_starts;

    if (PyTuple_GET_SIZE(X) != 3) {
        PyErr_Format(PyExc_TypeError,
                     "X must be an array or a tuple (values, columns, row_starts)");
        return -1;
    }
    values = PyTuple_GET_ITEM(X, 0);
    columns = PyTuple_GET_ITEM(X, 1);
    row_starts = PyTuple_GET_ITEM(X, 2);
    if (nnf_array_get(values, &demand, &rows->X) < 0) {
        return -1;
    }
    demand.name = "X[1], the columns,";
    demand.element = ELEMENT_INT32;
    demand.shape[0] = rows->X.shape[0];
    if (nnf_array_get(columns, &demand, &rows->columns) < 0) {
        return -1;
    }
    demand.name = "X[2], the row starts,";
    demand.element = ELEMENT_INT64;
    demand.shape[0] = ANY_LENGTH;
    if (nnf_array_get(row_starts, &demand, &rows->row_starts) < 0) {
        return -1;
    }
    if (rows->row_starts.shape[0] == 0) {
        PyErr_Format(PyExc_ValueError,
                     "%s must have one entry more than there are rows", demand.name);
        return -1;
    }
    rows->data.n_rows = rows->row_starts.shape[0] - 1;
    rows->data.n_stored = rows->X.shape[0];
    rows->data.columns = rows->columns.data;
    rows->data.row_starts = rows->row_starts.data;
    return 0;
}

int
nnf_rows_get_inputs(const struct nnf_net *net, PyObject *X, enum nnf_real real,
                    struct rows *rows)
{
    *rows = (struct rows){0};
    if ((PyTuple_Check(X) ? get_sparse(X, real, rows) : get_dense(net, X, real, rows)) <
        0) {
        return -1;
    }
    rows->data.inputs = rows->X.data;
    return 0;
}

static int
get_targets(const struct nnf_net *net, PyObject *y, enum nnf_real real,
            struct rows *rows)
{
    struct array_demand demand = {"y",
                                  nnf_element_of(real),
                                  2,
                                  {rows->data.n_rows, net->widths[net->n_layers]},
                                  false};
    bool softmax = net->activations[net->n_layers - 1] == NNF_SOFTMAX;

    if (softmax && nnf_array_has_ndim(y, 1)) {
        demand.element = ELEMENT_INT64;
        demand.ndim = 1;
    }
    if (nnf_array_get(y, &demand, &rows->y) < 0) {
        return -1;
    }
    if (demand.ndim == 1) {
        rows->data.labels = rows->y.data;
    }
    else {
        rows->data.targets = rows->y.data;
    }
    return 0;
}

int
nnf_weights_get(PyObject *weights, const char *name, enum nnf_real real,
                const struct rows *rows, struct array *array)
{
    const struct array_demand demand = {
        name, nnf_element_of(real), 1, {rows->data.n_rows, 1}, false};

    return weights == Py_None ? 0 : nnf_array_get(weights, &demand, array);
}

int
nnf_rows_get(const struct nnf_net *net, PyObject *X, PyObject *y,
             PyObject *sample_weight, enum nnf_real real, struct rows *rows)
{
    if (nnf_rows_get_inputs(net, X, real, rows) < 0 ||
        get_targets(net, y, real, rows) < 0 ||
        nnf_weights_get(sample_weight, "sample_weight", real, rows,
                        &rows->sample_weight) < 0) {
        return -1;
    }
    rows->data.weights = rows->sample_weight.data;
    return 0;
}

/* Checks. */

typedef const char *data_check(const struct nnf_net *, const struct nnf_data *);

/* The rows from `first` on that are looked at without a pause. */
static struct nnf_data
part_of(const struct nnf_data *data, size_t first)
{
    struct nnf_data part = *data;
    const int64_t *starts = data->row_starts;
    size_t most = data->n_rows - first, n = 1;

    while (n < most && n < NNF_LOOK_AT_ONCE &&
           (starts == NULL || (uint64_t)starts[first + n] - (uint64_t)starts[first] <
                                  (uint64_t)NNF_LOOK_AT_ONCE)) {
        n++;
    }
    part.n_rows = n;
    part.row_starts = starts == NULL ? NULL : starts + first;
    part.labels = data->labels == NULL ? NULL : data->labels + first;
    return part;
}

/* *flaw: what the check says of all rows; -1 with the exception of a signal handler.
 * Others run meanwhile where it takes long. */
static int
check_all(data_check *check, const struct nnf_net *net, const struct nnf_data *data,
          const char **flaw)
{
    if (data->n_rows == 0 ||
        (data->n_rows <= NNF_LOOK_AT_ONCE && data->n_stored <= NNF_LOOK_AT_ONCE)) {
        *flaw = check(net, data);
        return 0;
    }
    *flaw = NULL;
    for (size_t first = 0; first < data->n_rows && *flaw == NULL;) {
        struct nnf_data part;

        Py_BEGIN_ALLOW_THREADS part = part_of(data, first);
        *flaw = check(net, &part);
        Py_END_ALLOW_THREADS if (PyErr_CheckSignals() < 0)
        {
            return -1;
        }
        first += part.n_rows;
    }
    return 0;
}

/* -1 with a ValueError where there is a flaw, else 0. */
static int
refuse(const char *name, const char *flaw)
{
    if (flaw == NULL) {
        return 0;
    }
    PyErr_Format(PyExc_ValueError, "%s: %s", name, flaw);
    return -1;
}

int
nnf_rows_check_inputs(const struct nnf_net *net, const struct rows *rows)
{
    const char *flaw;

    if (check_all(nnf_inputs_check, net, &rows->data, &flaw) < 0) {
        return -1;
    }
    return refuse("X", flaw);
}

int
nnf_rows_check(const struct nnf_net *net, const struct rows *rows)
{
    const char *flaw;

    if (nnf_rows_check_inputs(net, rows) < 0 ||
        check_all(nnf_targets_check, net, &rows->data, &flaw) < 0) {
        return -1;
    }
    return refuse(rows->data.n_rows == 0 ? "X" : "y", flaw);
}

static const char *
look_at_numbers(const void *data, size_t n, const void *numbers)
{
    return nnf_row_numbers_check(data, n, numbers);
}

int
nnf_rows_check_numbers(const struct rows *rows, const struct array *numbers)
{
    const char *flaw;

    if (nnf_array_look(numbers, look_at_numbers, &rows->data, &flaw) < 0) {
        return -1;
    }
    return refuse(numbers->name, flaw);
}
