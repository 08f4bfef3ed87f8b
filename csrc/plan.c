/* SPDX-License-Identifier: BSD-3-Clause */
#include "plan.h"

#include "loss.h"

/* A tile's activations and deltas should stay in a core's second-level cache; below
 * LEAST_ROWS the products get too short, beyond MOST_ROWS nothing is gained. */
#define TILE_BYTES ((size_t)384 * 1024)
#define LEAST_ROWS ((size_t)256)
#define MOST_ROWS ((size_t)1024)

/* In products of two vectors: turning one of delta, and adding up the lanes of a sum;
 * and how much longer a product takes in such a sum. */
#define TURN_LENGTH 8.0
#define SUM_LENGTH 5.0
#define SUM_SLOWNESS 1.1

/* Rows an even number of cache lines apart share few cache sets; short ones may. */
#define LINE ((size_t)64)
#define SHORT_ROW ((size_t)512)

/* Weights that by far exceed a core's second-level cache are copied for the forward
 * pass, by blocks of units that leave room for the samples in it. */
#define PACK_FROM ((size_t)2048 * 1024)
#define PACKED_BYTES ((size_t)256 * 1024)

static size_t
spread(size_t stride, const struct nnf_kernels *kernels)
{
    size_t bytes = stride * kernels->real_size;

    return bytes < SHORT_ROW || bytes % (2 * LINE) != 0
               ? stride
               : stride + LINE / kernels->real_size;
}

static void
choose_tile(struct nnf_plan *plan, size_t rows)
{
    const struct nnf_net *net = plan->net;
    size_t row_bytes = 0, most, n_tiles;

    for (size_t l = plan->sparse; l <= net->n_layers; l++) {
        row_bytes += 2 * net->widths[l] * plan->kernels->real_size;
    }
    /* NOLINTNEXTLINE(*-core.DivideZero): a network has a layer, and that has units */
    most = max_size(LEAST_ROWS, min_size(MOST_ROWS, TILE_BYTES / row_bytes));
    rows = max_size(rows, 1);
    n_tiles = ceil_div(rows, most);
    plan->tile_rows = round_up(ceil_div(rows, n_tiles), plan->kernels->lanes);
    plan->stride = spread(plan->tile_rows, plan->kernels);
}

size_t
nnf_plan_tiles(const struct nnf_plan *plan, size_t n)
{
    return n <= plan->tile_rows ? n > 0 : ceil_div(n, plan->tile_rows);
}

struct nnf_rows
nnf_plan_tile_rows(const struct nnf_plan *plan, const struct nnf_rows *rows, size_t t)
{
    size_t skip = t * plan->tile_rows;

    return nnf_rows_part(rows, skip, min_size(plan->tile_rows, rows->n - skip));
}

static void *
take_tile(const struct nnf_plan *plan, size_t width, struct arena *arena)
{
    return arena_take_product(arena, width, plan->stride, plan->kernels->real_size);
}

static void
estimate(struct nnf_plan *plan, const struct nnf_data *data)
{
    const size_t *widths = plan->net->widths;
    struct nnf_work *work = &plan->work;
    double inputs = (double)widths[0];

    if (plan->sparse) {
        inputs = (double)data->n_stored / (double)max_size(1, data->n_rows);
    }
    work->load = NNF_FETCH_WORK * inputs;
    work->inputs = inputs * (plan->sparse ? NNF_SCATTERED_WORK : 1);
    for (size_t l = 0; l < plan->net->n_layers; l++) {
        double in = l == 0 ? work->inputs : (double)widths[l];
        double out = (double)widths[l + 1];

        work->forward += (in + NNF_ACTIVATION_WORK) * out;
        work->backward += l == 0 ? 0 : in * out;
    }
}

static void
begin(struct nnf_plan *plan, const struct nnf_net *net,
      const struct nnf_kernels *kernels, const struct nnf_data *data, size_t rows,
      struct arena *arena)
{
    bool sparse = data->row_starts != NULL;

    *plan = (struct nnf_plan){.net = net,
                              .kernels = kernels,
                              .n_parameters = nnf_net_size(net),
                              .sparse = sparse};
    choose_tile(plan, rows);
    estimate(plan, data);
    plan->layers = arena_take(arena, net->n_layers, sizeof(struct nnf_layer));
    for (size_t l = sparse; l <= net->n_layers; l++) {
        plan->widest = max_size(plan->widest, net->widths[l]);
    }
    for (size_t l = sparse; l < net->n_layers; l++) {
        double products = (double)net->widths[l] * (double)net->widths[l + 1];

        plan->largest_layer =
            products > plan->largest_layer ? products : plan->largest_layer;
    }
    if (sparse) {
        plan->samples = arena_take_product(arena, plan->tile_rows, net->widths[1],
                                           kernels->real_size);
    }
    else {
        /* A row's outputs come through it where an activation is of whole samples. */
        size_t outputs = net->widths[net->n_layers];

        plan->tile.input =
            take_tile(plan, max_size(net->widths[0] + 1, outputs), arena);
    }
}

/* Units, of d products a sample each, that a tile is taken through between two polls:
 * a multiple of the lanes. */
static size_t
units_at_once(const struct nnf_plan *plan, size_t d)
{
    double units = plan->kernels->poll_work / ((double)d * (double)plan->tile_rows);

    return round_up((size_t)units + 1, plan->kernels->lanes);
}

/* Units whose weights are copied at a time; 0: none are. */
static size_t
block_of(const struct nnf_plan *plan, const struct nnf_layer *layer)
{
    size_t lanes = plan->kernels->lanes, size = plan->kernels->real_size;
    size_t units = max_size(PACKED_BYTES / (layer->in * size), lanes);
    size_t each = units < plan->kernels->pack_units ? lanes : plan->kernels->pack_units;

    if ((plan->sparse && layer->weights == 0) ||
        layer->in * layer->out * size < PACK_FROM) {
        return 0;
    }
    return min_size(min_size(units / each * each, layer->units),
                    round_up(layer->out, lanes));
}

static struct nnf_layer
layer_of(struct nnf_plan *plan, size_t l, size_t *offset)
{
    const struct nnf_net *net = plan->net;
    struct nnf_layer layer = {
        .in = net->widths[l],
        .out = net->widths[l + 1],
        .weights = *offset,
        .activation = &plan->kernels->activations[net->activations[l]],
        .whole = net->activations[l] == NNF_SOFTMAX,
    };

    layer.biases = layer.weights + layer.in * layer.out;
    layer.units = units_at_once(plan, layer.in);
    layer.block = block_of(plan, &layer);
    if (l + 1 < net->n_layers) {
        layer.deltas = units_at_once(plan, net->widths[l + 2]);
    }
    plan->packed =
        max_size(plan->packed, round_up(layer.block, plan->kernels->pack_units) *
                                   layer.in * plan->kernels->real_size);
    *offset = layer.biases + layer.out;
    return layer;
}

/* Whether `outputs` columns of a layer's weight gradient, a vector of them or less,
 * come sooner as products of whole vectors, for which delta has to be turned, than as
 * sums along the lanes, each of which has a price of its own. */
static bool
products_pay(const struct nnf_plan *plan, const struct nnf_layer *layer, size_t outputs)
{
    double n = (double)plan->tile_rows, d = (double)layer->in + 1;
    double lanes = (double)plan->kernels->lanes;

    return (d + TURN_LENGTH) * lanes * n <
           (double)outputs * d * (n * SUM_SLOWNESS + SUM_LENGTH * lanes);
}

/* Vectors of outputs whose weight gradient is formed by products; that of sparse inputs
 * is formed in its own way. */
static size_t
product_vectors(const struct nnf_plan *plan, const struct nnf_layer *layer)
{
    size_t lanes = plan->kernels->lanes;

    if ((plan->sparse && layer->weights == 0) ||
        !products_pay(plan, layer, min_size(lanes, layer->out))) {
        return 0;
    }
    return layer->out / lanes + products_pay(plan, layer, layer->out % lanes);
}

void
nnf_plan_add_ones(const struct nnf_plan *plan, void *tile, size_t units)
{
    if (tile != NULL) {
        plan->kernels->load_weights(
            plan->stride, NULL, NULL,
            at(tile, units * plan->stride, plan->kernels->real_size));
    }
}

void
nnf_plan_training(struct nnf_plan *plan, const struct nnf_net *net,
                  const struct nnf_kernels *kernels, const struct nnf_data *data,
                  size_t batch_rows, const double *dropout, struct arena *arena)
{
    size_t offset = 0;

    begin(plan, net, kernels, data, batch_rows, arena);
    nnf_plan_add_ones(plan, plan->tile.input, net->widths[0]);
    plan->loss = kernels->losses[nnf_loss_form(net)];
    plan->loss_matched = nnf_loss_matched(net);
    for (size_t l = 0; l < net->n_layers; l++) {
        struct nnf_layer layer = layer_of(plan, l, &offset);
        bool hidden = l + 1 < net->n_layers;

        layer.output = take_tile(plan, layer.out + hidden, arena);
        if (hidden) {
            nnf_plan_add_ones(plan, layer.output, layer.out);
        }
        layer.delta = take_tile(plan, layer.out, arena);
        layer.vectors = product_vectors(plan, &layer);
        layer.turned = take_tile(plan, layer.vectors * kernels->lanes, arena);
        layer.dropout = hidden && dropout != NULL ? dropout[l] : 0;
        if (!hidden) {
            if (!plan->loss_matched && !layer.whole) {
                layer.slope = take_tile(plan, layer.out, arena);
            }
        }
        else if (layer.dropout > 0 || layer.activation->backward == NULL) {
            layer.slope = layer.delta;
        }
        if (plan->layers != NULL) {
            plan->layers[l] = layer;
        }
    }
    plan->tile.targets = take_tile(plan, net->widths[net->n_layers], arena);
    plan->tile.weights = take_tile(plan, 1, arena);
    plan->values = take_tile(plan, 1, arena);
}

void
nnf_plan_prediction(struct nnf_plan *plan, const struct nnf_net *net,
                    const struct nnf_kernels *kernels, const struct nnf_data *data,
                    size_t rows, struct arena *arena)
{
    size_t offset = 0, widest = 0;
    void *buffers[2];

    begin(plan, net, kernels, data, rows, arena);
    for (size_t l = 1; l <= net->n_layers; l++) {
        widest = max_size(widest, net->widths[l]);
    }
    buffers[0] = take_tile(plan, widest, arena);
    buffers[1] = take_tile(plan, widest, arena);
    for (size_t l = 0; l < net->n_layers; l++) {
        struct nnf_layer layer = layer_of(plan, l, &offset);

        layer.output = buffers[l % 2];
        if (plan->layers != NULL) {
            plan->layers[l] = layer;
        }
    }
}
