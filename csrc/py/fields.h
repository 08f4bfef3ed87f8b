/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Plain numbers between Python dictionaries and struct nnf_training, by table.
 */
#ifndef NNF_PY_FIELDS_H
#define NNF_PY_FIELDS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../nnfast.h"

/* A Python number, a positive whole one or any, into *number; 0, or -1 with a TypeError
 * or ValueError that names the argument. */
int nnf_number_read_count(PyObject *value, const char *name, size_t *number);
int nnf_number_read_double(PyObject *value, const char *name, double *number);

/* Replace what a conversion has raised by a TypeError or ValueError that names the
 * argument, unless it is no complaint about the value; -1. */
int nnf_number_refuse(PyObject *value, const char *name, const char *expected);

/* *text is that of a str without NUL, or NULL where value is none; 0, or -1 with a
 * MemoryError. */
int nnf_text_read(PyObject *value, const char **text);

/* Fill training from the settings, every key of which is required and known. The
 * dropout rates go to dropout (n_hidden of them); 0, or -1 with an exception. */
int nnf_settings_read(PyObject *settings, struct nnf_training *training,
                      double *dropout, size_t n_hidden);

/* Fill the state from what nnf_state_write once wrote. */
int nnf_state_read(PyObject *state, struct nnf_training *training);

/* A new dictionary of the state. */
PyObject *nnf_state_write(const struct nnf_training *training);

#endif
