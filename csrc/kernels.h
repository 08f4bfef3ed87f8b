/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table of kernels: everything that is done to many reals at once.
 *
 * A tile holds up to `stride` samples of one layer feature-major, samples on the
 * lanes: element (unit i, sample j) is tile[i * stride + j]. Tiles are aligned, and
 * stride and every count n of samples are multiples of `lanes`: the last sample is
 * repeated, with weight zero, to fill them. No kernel mixes samples except the
 * gradients, so a kernel may be called on any run of a tile's samples.
 *
 * Letters: n samples, d units in, h units out. Arrays of θ's kind need no alignment.
 */
#ifndef NNF_KERNELS_H
#define NNF_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "nnfast.h"

/* The forms a loss takes in the kernels. A form is "matched" to one output
 * activation when its delta is the derivative by the output before activation. */
enum nnf_loss_form {
    NNF_FORM_LOG_SOFTMAX,  /* matched: p - y; targets one-hot */
    NNF_FORM_LOG_LOGISTIC, /* matched: p - y; targets 0 or 1 */
    NNF_FORM_SQUARED,      /* p - y, which matches the identity too */
    NNF_FORM_ABSOLUTE,
    NNF_FORM_HUBER,
    NNF_FORM_LOG_COSH,
    NNF_FORM_POISSON_EXP, /* matched: p - y */
    NNF_FORM_POISSON,
    NNF_FORMS
};

/* How long the core works between two polls, very roughly. */
#define NNF_POLL_NANOSECONDS 20e6

/* What a step does to each parameter; read by the kernels of the solvers. */
struct nnf_update {
    double scale;       /* 1 / sum of the batch's weights */
    double decay;       /* alpha for weights, 0 for biases */
    const void *decays; /* that of each entry of a run that has both; else null */
    double learning_rate;
    double momentum;
    bool nesterov;
    double beta_1, beta_2, epsilon;
};

struct nnf_activation_kernels {
    /* z (d × n) := activation of z. */
    void (*forward)(size_t d, size_t n, void *z, size_t stride);
    /* The same; slope := derivative at z. */
    void (*forward_slope)(size_t d, size_t n, void *z, void *slope, size_t stride);
    /* delta *= derivative as a function of the output h; null where the output does
     * not determine it: such a layer keeps its slope from the forward pass. */
    void (*backward)(size_t d, size_t n, const void *h, void *delta, size_t stride);
};

/* One row of a CSR matrix; of a dense one where columns is null. */
struct nnf_entries {
    size_t count;
    const int32_t *columns;
    const void *values;
};

/* A layer's delta as its weight gradient reads it. */
struct nnf_delta {
    const void *by_unit; /* tile, h × stride */
    void *by_sample;     /* of the first `vectors` · lanes outputs, zero from h on:
                            vectors × stride × lanes */
    size_t vectors;
};

/* delta := weight · derivative of the loss (see nnf_loss_form); values[j], a real, :=
 * weight · loss of sample j, summed over the h outputs. */
typedef void nnf_loss_kernel(size_t h, size_t n, const void *p, const void *y,
                             const void *weights, void *delta, void *values,
                             size_t stride, double parameter);

struct nnf_kernels {
    const char *isa;
    enum nnf_real real;
    size_t real_size;
    size_t lanes;
    size_t pack_units; /* side by side in copies of weights: whole vectors */
    double poll_work;  /* multiply-adds in roughly NNF_POLL_NANOSECONDS */

    /* Rows order[0..n) of a row-major matrix with d columns (rows 0..n where order
     * is null) into a tile; any n > 0, the last row repeated up to the lanes. */
    void (*load_rows)(size_t n, size_t d, const void *rows, const size_t *order,
                      void *tile, size_t stride);
    /* The same for labels: d rows of the tile, one-hot. */
    void (*load_labels)(size_t n, size_t d, const int64_t *labels, const size_t *order,
                        void *tile, size_t stride);
    /* One row of a tile: 1 for the first n samples, 0 up to the lanes; with weights,
     * those of the samples instead of 1. */
    void (*load_weights)(size_t n, const void *weights, const size_t *order,
                         void *tile);
    /* The first n samples of a tile with d units into a row-major matrix; any n. Every
     * NaN is the same one there. */
    void (*store_rows)(size_t n, size_t d, const void *tile, size_t stride, void *rows);
    /* The same for d outputs of one sample that lie side by side. */
    void (*store_row)(size_t d, const void *outputs, void *row);

    /* output (units × n) := Wᵀ input + b, then the activation; slope may be null. W is
     * d × h in C order, of which the first `units` columns count. They are copied where
     * packed, d × units rounded up to pack_units, is not null: see PACK_FROM in plan.c.
     */
    void (*dense_forward)(size_t d, size_t h, size_t units, size_t n,
                          const void *weights, const void *biases, const void *input,
                          void *output, size_t stride,
                          const struct nnf_activation_kernels *activation, void *slope,
                          void *packed);
    /* delta_in (d × n) := W delta_out times the derivative of the layer below,
     * taken from `input`, its output; where input is null, from delta_in itself,
     * which then holds the slope. */
    void (*dense_backward)(size_t d, size_t h, size_t n, const void *weights,
                           const void *delta_out, const void *input, void *delta_in,
                           size_t stride, const struct nnf_activation_kernels *below);
    /* by_sample := n samples of by_unit. */
    void (*turn_delta)(size_t h, size_t n, const struct nnf_delta *delta,
                       size_t stride);
    /* Rows [first, last) of the gradient of W, and below it of b (d + 1 rows of h):
     * input · deltaᵀ, summed over n samples (any n), where the last row of input is
     * 1; added to what is there when accumulate is set. */
    void (*weight_gradient)(size_t first, size_t last, size_t h, size_t n,
                            const void *input, const struct nnf_delta *delta,
                            size_t stride, void *gradient, bool accumulate);

    /* For one row x of d columns; an entry in a column beyond them is skipped.
     * z (h) := Wᵀ x + b. */
    void (*row_forward)(size_t d, size_t h, const struct nnf_entries *x,
                        const void *weights, const void *biases, void *z);
    /* Columns [first, last) of the gradients of W and b += (x, 1) deltaᵀ. */
    void (*sparse_gradient)(size_t d, size_t h, const struct nnf_entries *x,
                            const void *delta, size_t first, size_t last,
                            void *gradient);

    struct nnf_activation_kernels activations[NNF_ACTIVATIONS];
    /* delta (h × n) := Jᵀ delta for the Jacobian of a softmax with output p. */
    void (*softmax_backward)(size_t h, size_t n, const void *p, void *delta,
                             size_t stride);
    /* delta *= slope, h rows. */
    void (*multiply)(size_t h, size_t n, const void *slope, void *delta, size_t stride);
    /* Inverted dropout of units [0, d) for samples row, row + 1, ...: output and slope
     * are multiplied by 0 or by 1 / (1 - rate). key: see rng.h. */
    void (*dropout)(size_t d, size_t n, size_t row, const uint32_t key[2], double rate,
                    void *output, void *slope, size_t stride);

    nnf_loss_kernel *losses[NNF_FORMS];
    /* The sum of n reals, n a multiple of the lanes, in double. */
    double (*sum)(size_t n, const void *values);

    /* One step on a run of θ, with g := (gradient + decay · θ) · scale. The solvers
     * return the sum of θ² before the step, where decays is given only of entries that
     * decay; moments lie `size` reals apart. */
    double (*solvers[NNF_SOLVERS])(size_t count, void *parameters, const void *gradient,
                                   void *moments, size_t size,
                                   const struct nnf_update *update);
    /* gradient := g as above; returns the same sum. */
    double (*finish_gradient)(size_t count, const void *parameters, void *gradient,
                              const struct nnf_update *update);
    bool (*all_finite)(size_t count, const void *parameters);
};

#endif
