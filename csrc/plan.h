/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The plan of a call: how many samples a tile holds and where every buffer of the
 * workspace lies. Made once; it depends on the network, the kernels, the size of the
 * batch and the entries of sparse rows, never on the number of threads, so neither do
 * the results.
 */
#ifndef NNF_PLAN_H
#define NNF_PLAN_H

#include "common.h"
#include "kernels.h"
#include "nnfast.h"

/* In multiply-adds of a dense product: fetching a real from far away, an activation,
 * and a multiply-add with weights that lie anywhere. */
#define NNF_FETCH_WORK 16.0
#define NNF_ACTIVATION_WORK 16.0
#define NNF_SCATTERED_WORK 4.0

struct nnf_layer {
    size_t in, out;
    size_t weights, biases; /* where they begin in θ */
    const struct nnf_activation_kernels *activation;
    bool whole;   /* an activation of whole samples: softmax */
    void *output; /* tile: after activation and dropout; for training a row of ones
                     follows that of a hidden layer */
    void *delta;  /* tile: derivative of the loss by the output before activation */
    void *turned; /* the same by sample: see struct nnf_delta */
    size_t vectors;
    void *slope; /* tile: derivative of the activation, where it must be kept; a
                    hidden layer's lies in delta, until the delta takes its place */
    double dropout;
    /* Units that a tile is taken through at once: their outputs; the same where their
     * weights are copied, 0 where none are; and their deltas. */
    size_t units, block, deltas;
};

/* Rows order[0..n) of the data; n from `first` on where order is null. */
struct nnf_rows {
    const struct nnf_data *data;
    const size_t *order;
    size_t first, n;
};

static inline size_t
nnf_row_number(const struct nnf_rows *rows, size_t i)
{
    return rows->order == NULL ? rows->first + i : rows->order[i];
}

/* The n of them that follow the first `skip`. */
static inline struct nnf_rows
nnf_rows_part(const struct nnf_rows *rows, size_t skip, size_t n)
{
    struct nnf_rows part = {rows->data, rows->order, rows->first, n};

    if (rows->order == NULL) {
        part.first += skip;
    }
    else {
        part.order += skip;
    }
    return part;
}

/* A tile's samples, and what they are learnt from. */
struct nnf_tile {
    struct nnf_rows rows;
    void *input;   /* widths[0] × stride, for training a row of ones after it; null
                      where they are sparse */
    void *targets; /* outputs × stride */
    void *weights; /* stride; zero beyond the last sample */
};

/* What a sample takes, in multiply-adds, with as many stored inputs as the data's rows
 * have on average. */
struct nnf_work {
    double load, forward, backward;
    double inputs; /* of `forward`, for each unit of the first layer */
};

struct nnf_plan {
    const struct nnf_net *net;
    const struct nnf_kernels *kernels;
    size_t n_parameters;
    size_t tile_rows; /* samples in a full tile, a multiple of the lanes */
    size_t stride;
    struct nnf_work work;
    double largest_layer; /* products per sample in the layer that has most */
    size_t widest;        /* units of a layer, or inputs that are not sparse */
    struct nnf_layer *layers;
    struct nnf_tile tile;
    bool sparse; /* rows of CSR, which are read where they are: no tile holds inputs */
    void *samples; /* then: a tile's samples × units of the first layer */
    nnf_loss_kernel *loss;
    bool loss_matched; /* its delta is the one before activation */
    void *values;      /* each sample's loss, times its weight */
    size_t packed;     /* bytes that a share needs for copies of weights */
};

/* n samples and what fills up their last vector. Lanes are a power of two, and this no
 * division. */
static inline size_t
nnf_plan_whole(const struct nnf_plan *plan, size_t n)
{
    size_t lanes = plan->kernels->lanes;

    return (n + lanes - 1) & ~(lanes - 1);
}

/* The row of ones below the units of a tile, by which gradients of biases are like
 * those of weights; nothing else is ever written there. A null tile is let be. */
void nnf_plan_add_ones(const struct nnf_plan *plan, void *tile, size_t units);

/* Tiles that n rows fill, and the rows of the t-th of them. */
size_t nnf_plan_tiles(const struct nnf_plan *plan, size_t n);
struct nnf_rows nnf_plan_tile_rows(const struct nnf_plan *plan,
                                   const struct nnf_rows *rows, size_t t);

/* Lay out a plan that learns from the data in batches of up to batch_rows rows. With a
 * counting arena the pointers are null. dropout as in struct nnf_training. */
void nnf_plan_training(struct nnf_plan *plan, const struct nnf_net *net,
                       const struct nnf_kernels *kernels, const struct nnf_data *data,
                       size_t batch_rows, const double *dropout, struct arena *arena);

/* The same for forward passes only, of up to `rows` rows: two buffers in turn hold the
 * layers. */
void nnf_plan_prediction(struct nnf_plan *plan, const struct nnf_net *net,
                         const struct nnf_kernels *kernels, const struct nnf_data *data,
                         size_t rows, struct arena *arena);

#endif
