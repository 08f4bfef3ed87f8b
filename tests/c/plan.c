/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a plan decides, which only time and memory depend on: how many samples make a
 * tile, how far its rows lie apart, where its buffers lie, and what is done at once.
 * Prints how many facts held; exits 0 only when all did.
 */
#include "plan.h"
#include "batch.h" /* not of the API */

#include "check.h"
#include "each_kernel.h"
#include "ones.h"
#include "take.h"

#include <stdlib.h>

enum { LAYERS = 3, MOST_BUFFERS = 32 };

static const enum nnf_activation activations[] = {NNF_TANH, NNF_GELU, NNF_IDENTITY};

/* A plan with the memory that it lies in; rates of dropout 0 and 0.5. */
struct bench {
    struct nnf_net net;
    struct nnf_data data;
    struct nnf_plan plan;
    char *block;
    size_t size;
};

static void
lay_out(struct bench *b, const struct nnf_kernels *kernels, size_t rows, bool trains,
        struct arena *arena)
{
    static const double rates[] = {0, 0.5};

    if (trains) {
        nnf_plan_training(&b->plan, &b->net, kernels, &b->data, rows, rates, arena);
    }
    else {
        nnf_plan_prediction(&b->plan, &b->net, kernels, &b->data, b->data.n_rows,
                            arena);
    }
}

static void
begin(struct bench *b, const struct nnf_kernels *kernels, const size_t *widths,
      size_t rows, bool is_sparse, bool trains)
{
    static const int64_t starts[] = {0};
    struct arena arena = {0};

    b->net = (struct nnf_net){LAYERS, widths, activations, NNF_SQUARED_ERROR, 1};
    b->data =
        (struct nnf_data){.n_rows = rows, .row_starts = is_sparse ? starts : NULL};
    lay_out(b, kernels, rows, trains, &arena);
    b->size = arena.used;
    b->block = take(b->size, 0);
    arena = (struct arena){.base = b->block};
    lay_out(b, kernels, rows, trains, &arena);
    check(!arena.overflow && arena.used == b->size, "a plan takes what it says");
}

/* Tiles are as equal as they can be, and hold what the cache does, within bounds. */
static void
check_tiles(const struct bench *b, size_t rows)
{
    const struct nnf_plan *plan = &b->plan;
    size_t size = plan->kernels->real_size, lanes = plan->kernels->lanes;
    size_t n = plan->tile_rows, n_tiles = nnf_plan_tiles(plan, rows);
    size_t apart = plan->stride * size, bytes = 0, most;

    for (size_t l = plan->sparse; l <= LAYERS; l++) {
        bytes += 2 * b->net.widths[l] * size; /* a sample's activations and deltas */
    }
    most = 384 * 1024 / bytes;
    most = most < 256 ? 256 : most > 1024 ? 1024 : most;
    check(n % lanes == 0, "a tile is whole vectors of samples");
    check(n < most + lanes, "no tile is larger than the cache");
    check((n_tiles - 1) * most < rows, "there are no more tiles than need be");
    check(n < (rows + n_tiles - 1) / n_tiles + lanes, "and they are alike");
    check(n_tiles * n >= rows && (n_tiles - 1) * n < rows, "that hold all rows");

    check(plan->stride == n || apart == n * size + 64, "rows lie a line apart or none");
    check(apart < 512 || apart % 128 != 0, "long rows share few sets of the cache");
    check(plan->stride == n || (n * size >= 512 && n * size % 128 == 0),
          "where they would share them otherwise");
}

/* Where a buffer of so many bytes begins; null ones are none. */
struct buffer {
    const char *begin;
    size_t size;
};

/* Buffers of one plan overlap nowhere, and leave no more than their alignment. */
static void
check_buffers(const struct bench *b, const struct buffer *buffers, size_t n)
{
    size_t sum = 0, n_there = 0, n_overlaps = 0, n_outside = 0;

    for (size_t i = 0; i < n; i++) {
        const struct buffer *one = &buffers[i];

        if (one->begin == NULL) {
            continue;
        }
        n_there++;
        sum += one->size;
        n_outside +=
            one->begin < b->block || one->begin + one->size > b->block + b->size;
        for (size_t j = 0; j < i; j++) {
            const struct buffer *other = &buffers[j];

            n_overlaps += other->begin != NULL &&
                          one->begin < other->begin + other->size &&
                          other->begin < one->begin + one->size;
        }
    }
    check(n_outside == 0, "buffers lie in the workspace");
    check(n_overlaps == 0, "none lies in another");
    check(b->size < sum + n_there * NNF_ALIGNMENT, "and nothing between them");
}

static struct buffer
rows_of(const struct bench *b, const void *tile, size_t rows)
{
    return (struct buffer){tile, rows * b->plan.stride * b->plan.kernels->real_size};
}

/* What tiles of inputs and outputs take, and sparse samples. */
static size_t
list_common(const struct bench *b, struct buffer *list)
{
    const struct nnf_plan *plan = &b->plan;
    size_t in = b->net.widths[0] + 1, out = b->net.widths[LAYERS], n = 0;

    list[n++] = rows_of(b, plan->tile.input, in > out ? in : out);
    list[n++] = (struct buffer){plan->samples, plan->tile_rows * b->net.widths[1] *
                                                   plan->kernels->real_size};
    list[n++] = (struct buffer){(char *)plan->layers, LAYERS * sizeof *plan->layers};
    return n;
}

static void
check_training_buffers(const struct bench *b)
{
    const struct nnf_plan *plan = &b->plan;
    struct buffer list[MOST_BUFFERS];
    size_t n = list_common(b, list);

    list[n++] = rows_of(b, plan->tile.targets, b->net.widths[LAYERS]);
    list[n++] = rows_of(b, plan->tile.weights, 1);
    list[n++] = rows_of(b, plan->values, 1);
    for (size_t l = 0; l < LAYERS; l++) {
        const struct nnf_layer *layer = &plan->layers[l];

        list[n++] = rows_of(b, layer->output, layer->out + (l + 1 < LAYERS));
        check(l + 1 == LAYERS || has_ones(plan, layer->output, layer->out),
              "hidden outputs have a row of ones");
        list[n++] = rows_of(b, layer->delta, layer->out);
        list[n++] = rows_of(b, layer->turned, layer->vectors * plan->kernels->lanes);
        check(layer->vectors <=
                  (layer->out + plan->kernels->lanes - 1) / plan->kernels->lanes,
              "no more vectors than hold the outputs are turned");
    }
    check(has_ones(plan, plan->tile.input, b->net.widths[0]), "and so have inputs");
    check_buffers(b, list, n);
}

static void
check_prediction_buffers(const struct bench *b)
{
    const struct nnf_layer *layers = b->plan.layers;
    struct buffer list[MOST_BUFFERS];
    size_t n = list_common(b, list), widest = 0;

    for (size_t l = 1; l <= LAYERS; l++) {
        widest = b->net.widths[l] > widest ? b->net.widths[l] : widest;
    }
    list[n++] = rows_of(b, layers[0].output, widest);
    list[n++] = rows_of(b, layers[1].output, widest);
    check_buffers(b, list, n);
    check(layers[2].output == layers[0].output, "layers take turns with two buffers");
}

/* All rows as tiles that stay loaded. */
static void
check_resident_buffers(const struct bench *b, size_t rows)
{
    enum { MOST_TILES = MOST_BUFFERS / 3 };
    size_t n_tiles = nnf_plan_tiles(&b->plan, rows), n = 0;
    struct bench resident = *b;
    struct arena arena = {0};
    struct buffer list[MOST_BUFFERS];
    const struct nnf_tile *tiles;

    if (n_tiles > MOST_TILES) {
        return;
    }
    nnf_batch_plan_resident(&b->plan, rows, &arena);
    resident.size = arena.used;
    resident.block = take(resident.size, 0);
    arena = (struct arena){.base = resident.block};
    tiles = nnf_batch_plan_resident(&b->plan, rows, &arena);
    for (size_t t = 0; t < n_tiles; t++) {
        list[n++] = rows_of(b, tiles[t].input, b->net.widths[0] + 1);
        list[n++] = rows_of(b, tiles[t].targets, b->net.widths[LAYERS]);
        list[n++] = rows_of(b, tiles[t].weights, 1);
        check((tiles[t].input == NULL) == b->plan.sparse, "dense inputs are loaded");
        check(has_ones(&b->plan, tiles[t].input, b->net.widths[0]),
              "above a row of ones");
    }
    list[n++] = (struct buffer){(const char *)tiles, n_tiles * sizeof *tiles};
    check_buffers(&resident, list, n);
    free(resident.block);
}

/* Whether so many units, of d products each, are the fewest that fill the time between
 * two polls. */
static bool
fill_a_while(const struct nnf_plan *plan, size_t units, size_t d)
{
    double each = (double)d * (double)plan->tile_rows;
    double fewer = (double)units - (double)plan->kernels->lanes;

    return units % plan->kernels->lanes == 0 &&
           (double)units * each > plan->kernels->poll_work &&
           fewer * each <= plan->kernels->poll_work;
}

/* Copied are weights of 2 MiB and more, by blocks of 256 KiB or of a vector. */
static void
check_block(const struct nnf_plan *plan, const struct nnf_layer *layer)
{
    size_t size = plan->kernels->real_size, lanes = plan->kernels->lanes;
    size_t unit = layer->in * size, whole = round_up(layer->out, lanes);
    size_t wide = plan->kernels->pack_units;
    size_t next = layer->block < wide ? lanes : wide;

    if ((plan->sparse && layer->weights == 0) || unit * layer->out < 2048 * 1024) {
        check(layer->block == 0, "other weights are read where they are");
        return;
    }
    check(layer->block > 0 && layer->block % lanes == 0, "a block is whole vectors");
    check(layer->block == lanes || layer->block * unit <= 256 * 1024,
          "it leaves room in the cache");
    check(layer->block == whole || layer->block == layer->units ||
              (layer->block + next) * unit > 256 * 1024,
          "and takes what there is");
    check(layer->block <= whole && layer->block <= layer->units,
          "but no more than the layer has, or can be done at once");
    check(wide % lanes == 0 && round_up(layer->block, wide) * unit <= plan->packed,
          "there is room for it");
}

/* What is done at once, and the figures that are read off it. */
static void
check_layers(const struct bench *b)
{
    const struct nnf_plan *plan = &b->plan;
    const size_t *widths = b->net.widths;
    size_t widest = 0, entry = 0, room = 0;
    double largest = 0;

    for (size_t l = 0; l < LAYERS; l++) {
        const struct nnf_layer *layer = &plan->layers[l];
        size_t copied = round_up(layer->block, plan->kernels->pack_units) * layer->in *
                        plan->kernels->real_size;

        check(layer->in == widths[l] && layer->out == widths[l + 1],
              "layers have the network's widths");
        check(layer->weights == entry &&
                  layer->biases == entry + layer->in * layer->out,
              "weights, then biases");
        entry = layer->biases + layer->out;
        check(fill_a_while(plan, layer->units, layer->in), "outputs between polls");
        if (l + 1 < LAYERS) {
            check(fill_a_while(plan, layer->deltas, widths[l + 2]),
                  "deltas between polls");
        }
        check_block(plan, layer);
        room = copied > room ? copied : room;
        if (l >= plan->sparse) {
            double products = (double)layer->in * (double)layer->out;

            largest = products > largest ? products : largest;
        }
    }
    for (size_t l = plan->sparse; l <= LAYERS; l++) {
        widest = widths[l] > widest ? widths[l] : widest;
    }
    check(plan->widest == widest, "the widest layer, or dense inputs");
    check(plan->largest_layer == largest, "the layer with most products");
    check(plan->packed == room, "no more room than the largest block");
    check(plan->n_parameters == entry, "θ ends with the last layer");
}

/* Which outputs' gradient is formed by products: whole vectors of a layer of many
 * inputs, and what is left over where it nearly is one and samples are few. */
static void
check_vectors(const struct nnf_kernels *kernels)
{
    size_t lanes = kernels->lanes;
    const size_t many[] = {1000, 2 * lanes, 1000, 2 * lanes + 1};
    const size_t few[] = {1, lanes, 1000, 2 * lanes - 1};
    struct bench b;

    begin(&b, kernels, many, 1000, false, true);
    check(b.plan.layers[0].vectors == 2, "many inputs: products");
    check(b.plan.layers[2].vectors == 2, "a single output that is left over: sums");
    free(b.block);
    begin(&b, kernels, few, 1000, false, true);
    check(b.plan.layers[0].vectors == 0, "few inputs: sums");
    free(b.block);
    begin(&b, kernels, few, 64, false, true);
    check(lanes < 4 || b.plan.layers[2].vectors == 2,
          "all outputs but one of a vector, few samples: products");
    free(b.block);
    begin(&b, kernels, many, 1000, true, true);
    check(b.plan.layers[0].vectors == 0, "sparse inputs: neither");
    free(b.block);
}

static void
check_kernels(const struct nnf_kernels *kernels)
{
    static const size_t shapes[][LAYERS + 1] = {
        {2, 4, 3, 1},     {64, 100, 30, 10},    {30, 10, 50, 400},
        {784, 900, 3, 7}, {900, 5, 1200, 1000}, {5000, 70, 2, 2},
    };
    static const size_t rows[] = {1,    31,   64,   200,  256, 257,
                                  1000, 1024, 1025, 4096, 5000};
    struct bench b;

    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (size_t j = 0; j < sizeof rows / sizeof rows[0]; j++) {
            for (int how = 0; how < 4; how++) {
                begin(&b, kernels, shapes[i], rows[j], how % 2 != 0, how < 2);
                check_tiles(&b, rows[j]);
                check_layers(&b);
                if (how < 2) {
                    check_training_buffers(&b);
                    check_resident_buffers(&b, rows[j]);
                }
                else {
                    check_prediction_buffers(&b);
                }
                free(b.block);
            }
        }
    }
}

/* These kernels, and as where polls come often. */
static void
check_all(const struct nnf_kernels *kernels)
{
    struct nnf_kernels impatient = *kernels;

    check_vectors(kernels);
    check_kernels(kernels);
    impatient.poll_work = 3e5;
    check_kernels(&impatient);
}

int
main(void)
{
    check_each(check_all);
    return verdict();
}
