/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The plan of a call: how many samples a tile holds and where every buffer of the
 * workspace lies. Made once; it depends on the network, the kernels and the size of
 * the batch, never on the number of threads, so neither do the results.
 */
#ifndef NNF_PLAN_H
#define NNF_PLAN_H

#include "common.h"
#include "kernels.h"
#include "nnfast.h"

struct nnf_layer {
    size_t in, out;
    size_t weights, biases; /* where they begin in θ */
    const struct nnf_activation_kernels *activation;
    void *output; /* tile: after activation and dropout */
    void *delta;  /* tile: derivative of the loss by the output before activation */
    void *slope;  /* tile: derivative of the activation, where it must be kept; a
                     hidden layer's lies in delta, until the delta takes its place */
    double dropout;
};

/* What a tile's samples are learnt from. */
struct nnf_tile {
    void *input;   /* widths[0] × stride */
    void *targets; /* outputs × stride */
    void *weights; /* stride; zero beyond the last sample */
};

struct nnf_plan {
    const struct nnf_net *net;
    const struct nnf_kernels *kernels;
    size_t n_parameters;
    size_t tile_rows; /* samples in a full tile, a multiple of the lanes */
    size_t stride;
    double largest_layer; /* weights of the layer that has most */
    struct nnf_layer *layers;
    struct nnf_tile tile;
    double *values; /* each sample's loss, times its weight */
};

/* Tiles that n rows fill. */
size_t nnf_plan_tiles(const struct nnf_plan *plan, size_t n);

/* Lay out a plan that learns from batches of up to batch_rows rows. With a counting
 * arena the pointers are null. dropout as in struct nnf_training. */
void nnf_plan_training(struct nnf_plan *plan, const struct nnf_net *net,
                       const struct nnf_kernels *kernels, size_t batch_rows,
                       const double *dropout, struct arena *arena);

/* The same for forward passes only: two buffers in turn hold the layers. */
void nnf_plan_prediction(struct nnf_plan *plan, const struct nnf_net *net,
                         const struct nnf_kernels *kernels, size_t n_rows,
                         struct arena *arena);

#endif
