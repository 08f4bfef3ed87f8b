/* SPDX-License-Identifier: BSD-3-Clause
 *
 * nnfast: feed-forward neural networks trained on the CPU. The public C API.
 *
 * A network is a value (struct nnf_net) and its numbers are one flat vector θ:
 * layer by layer the weights W (in × out, C order), then the biases b (out).
 * Gradient, velocities and moments are vectors in the same order.
 *
 * The library allocates nothing, prints nothing, reads no environment and keeps no
 * state but a pool of threads and what calls have learnt of their pace. What it needs
 * it asks for by size; the caller owns all memory. Every real array holds the type of
 * the kernels that are passed beside it.
 *
 * Order of use: nnf_kernels_find, nnf_net_check, then nnf_predict, nnf_gradient
 * or nnf_train, each with a workspace of the size that its _workspace says.
 */
#ifndef NNFAST_H
#define NNFAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the Python module shows to the linker, beside its init function. */
#if defined(_WIN32)
#define NNF_EXPORTED __declspec(dllexport)
#else
#define NNF_EXPORTED __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The network. */

enum nnf_activation {
    NNF_IDENTITY,
    NNF_LOGISTIC,
    NNF_TANH,
    NNF_RELU,
    NNF_LEAKY_RELU,
    NNF_ELU,
    NNF_SELU,
    NNF_GELU,
    NNF_SILU,
    NNF_MISH,
    NNF_SOFTPLUS,
    NNF_SOFTSIGN,
    NNF_HARD_SIGMOID,
    NNF_EXP,     /* output layer only */
    NNF_SOFTMAX, /* output layer only */
    NNF_ACTIVATIONS
};

/* p is the output, y the target, r = p - y. A row's loss is the sum over its
 * outputs, a batch's the weighted mean over its rows; the one exception is the
 * value (not the gradient) of NNF_SQUARED_ERROR, a mean over the outputs too,
 * as scikit-learn reports it. */
enum nnf_loss {
    NNF_LOG_LOSS,       /* -log p of the class, p clipped at the type's epsilon */
    NNF_SQUARED_ERROR,  /* r² / 2 */
    NNF_BRIER,          /* r² / 2 of output probabilities, summed over classes */
    NNF_ABSOLUTE_ERROR, /* |r| */
    NNF_HUBER,          /* r² / 2 up to huber_delta, then linear */
    NNF_LOG_COSH,       /* log cosh r */
    NNF_POISSON,        /* y log(y / p) - y + p */
    NNF_LOSSES
};

struct nnf_net {
    size_t n_layers;                        /* with weights: hidden ones + 1 */
    const size_t *widths;                   /* n_layers + 1: inputs ... outputs */
    const enum nnf_activation *activations; /* n_layers, the output's last */
    enum nnf_loss loss;
    double huber_delta; /* read by NNF_HUBER only */
};

/* NULL when the network can be trained, else the sentence that says why not.
 * Every other function expects a network that has passed. */
const char *nnf_net_check(const struct nnf_net *net);

/* Number of weights and biases: the length of θ. */
size_t nnf_net_size(const struct nnf_net *net);

/* Names as scikit-learn and PyTorch spell them; an unknown name gives the count
 * of the enumeration. */
const char *nnf_activation_name(enum nnf_activation activation);
enum nnf_activation nnf_activation_find(const char *name);
bool nnf_activation_is_hidden(enum nnf_activation activation); /* or output only */
const char *nnf_loss_name(enum nnf_loss loss);
enum nnf_loss nnf_loss_find(const char *name);

/* The instruction set and the real type. */

enum nnf_real { NNF_FLOAT32, NNF_FLOAT64 };

struct nnf_kernels; /* a constant table of functions for one ISA and type */

/* The kernels compiled for the ISA of that name ("base", "avx2", "avx512",
 * "neon"), or the best that this CPU runs when isa is NULL. NULL when the name
 * is unknown, not compiled in, or not supported by this CPU. */
const struct nnf_kernels *nnf_kernels_find(const char *isa, enum nnf_real real);
const char *nnf_kernels_isa(const struct nnf_kernels *kernels);
size_t nnf_kernels_lanes(const struct nnf_kernels *kernels); /* reals in a vector */

/* The i-th name that was compiled in, baseline first; NULL past the last. */
const char *nnf_isa_name(size_t i);

/* Whether none of n reals of the kernels' type is NaN or infinite. */
bool nnf_all_finite(const struct nnf_kernels *kernels, size_t n, const void *reals);

/* Threads. */

/* n_threads below is the most that a call may use, its own included; it uses fewer
 * where they would not pay, or where other calls are at work. Results have the same
 * bits for any number, but for the sign of a NaN in a gradient. The helpers are the
 * process's, started when first wanted; a process may fork whenever it likes. */

/* The most that any call may use, 256 at first. Exported, for threadpoolctl. */
NNF_EXPORTED size_t nnf_threads_limit(void);
NNF_EXPORTED void nnf_threads_set_limit(size_t n_threads);

/* For tests: share all work among n_threads within the limit, whether that pays or not,
 * and whoever else is at work. */
void nnf_threads_force(bool force);

/* Data. */

/* Rows of X with what is learnt from them. X is dense, or a CSR matrix where row_starts
 * is given: row i holds inputs[k] in column columns[k] for k from row_starts[i] up to
 * row_starts[i + 1], in any order; entries of one column add up. */
struct nnf_data {
    size_t n_rows;
    const void *inputs;        /* n_rows × widths[0], C order; CSR: n_stored values */
    const int64_t *row_starts; /* n_rows + 1; NULL: dense */
    const int32_t *columns;    /* n_stored */
    size_t n_stored;
    const void *targets;   /* n_rows × outputs, C order; NULL with labels. log_loss
                              takes 0 and 1 only, one 1 a row for a softmax output */
    const int64_t *labels; /* the class of each row, for a softmax output */
    const void *weights;   /* n_rows sample weights; NULL: all 1 */
};

/* NULL when a sparse X is a matrix of the network's inputs, else the sentence. Of the
 * columns those are looked at that belong to a row. */
const char *nnf_inputs_check(const struct nnf_net *net, const struct nnf_data *data);

/* The same for targets or labels, of one row at least; and for inputs and these. */
const char *nnf_targets_check(const struct nnf_net *net, const struct nnf_data *data);
const char *nnf_data_check(const struct nnf_net *net, const struct nnf_data *data);

/* Rows of data by their numbers: those that are learnt from, and those that the score
 * is of, which is computed after each epoch and decides when training ends. */
struct nnf_split {
    size_t n_training, n_held_out;
    const int64_t *training, *held_out;
    const void *weights; /* of all rows, for the score; NULL: all 1 */
};

/* NULL when n numbers are of rows of the data, and at least one, else the sentence. */
const char *nnf_row_numbers_check(const struct nnf_data *data, size_t n,
                                  const int64_t *numbers);

/* Being asked while at work. */

/* Called with context every 20 ms or so, where θ is whole (or, with more than four
 * million weights, in the middle of a step). Non-zero stops the call; a null function,
 * or a null pointer to this, is never called. */
struct nnf_poll {
    int (*call)(void *context);
    void *context;
};

/* Prediction and gradient. */

/* Bytes of workspace, aligned to NNF_ALIGNMENT; 0 when the size overflows. */
#define NNF_ALIGNMENT ((size_t)64)

size_t nnf_predict_workspace(const struct nnf_net *net,
                             const struct nnf_kernels *kernels,
                             const struct nnf_data *data, size_t n_threads);

/* outputs (n_rows × outputs, C order) of the inputs of data. A row's bits depend
 * neither on its neighbours nor on n_threads. False: stopped by poll. */
bool nnf_predict(const struct nnf_net *net, const struct nnf_kernels *kernels,
                 const void *parameters, const struct nnf_data *data, void *outputs,
                 size_t n_threads, const struct nnf_poll *poll, void *workspace);

/* complements[i] = 1 - outputs[i]. */
void nnf_complement(enum nnf_real real, size_t n, const void *outputs,
                    void *complements);

size_t nnf_gradient_workspace(const struct nnf_net *net,
                              const struct nnf_kernels *kernels,
                              const struct nnf_data *data, size_t n_threads);

/* The objective over all rows at θ and its gradient (length of θ): weighted mean
 * loss + alpha / 2 · |W|² / sum of weights. False: stopped by poll. */
bool nnf_gradient(const struct nnf_net *net, const struct nnf_kernels *kernels,
                  const void *parameters, const struct nnf_data *data, double alpha,
                  void *gradient, double *objective, size_t n_threads,
                  const struct nnf_poll *poll, void *workspace);

/* Training. */

enum nnf_solver { NNF_SGD, NNF_ADAM, NNF_SOLVERS };
enum nnf_schedule { NNF_CONSTANT, NNF_INVSCALING, NNF_ADAPTIVE, NNF_SCHEDULES };
enum nnf_score {
    NNF_ACCURACY,
    NNF_R2,
    NNF_ALWAYS_RIGHT, /* accuracy where there is only one class to predict */
    NNF_SCORES
};

enum nnf_stop {
    NNF_STOP_MAX_EPOCHS,
    NNF_STOP_NO_IMPROVEMENT,
    NNF_STOP_NOT_FINITE, /* a weight is NaN or infinite; see first_bad_epoch */
    NNF_STOP_ASKED       /* by poll, note_epoch or on_epoch */
};

/* A source of uniform 32-bit words; the order of rows is drawn from it. */
struct nnf_bits {
    uint32_t (*next_uint32)(void *state);
    void *state;
    /* May be null. Called with context before words are drawn while *held is false;
     * non-zero stops the call. Others may have the source back whenever poll or
     * on_epoch is called. Not called once poll has stopped the call. */
    int (*hold)(void *context);
    void *context;
    const bool *held;
};

struct nnf_training; /* below */

/* What happened at the end of an epoch, for on_epoch. */
enum nnf_event {
    NNF_EVENT_NONE,
    NNF_EVENT_STOP,                  /* no improvement: training ends */
    NNF_EVENT_LEARNING_RATE_LOWERED, /* adaptive: divided by 5, goes on */
    NNF_EVENT_LEARNING_RATE_TOO_SMALL
};

/* One stochastic fit: settings, then state that lives on from call to call (zero
 * it, or use nnf_training_begin, before the first), then what the call reports. */
struct nnf_training {
    enum nnf_solver solver;
    enum nnf_schedule schedule; /* sgd only */
    double learning_rate_init;
    double power_t;
    double momentum;
    bool nesterov;
    double beta_1, beta_2, epsilon;
    double alpha; /* L2, scikit-learn's convention: see nnf_gradient */
    size_t batch_size;
    size_t max_epochs;
    double tol;
    double n_iter_no_change; /* may be infinite */
    const double *dropout;   /* n_layers - 1 rates; NULL: none */
    uint64_t dropout_seed;
    const struct nnf_bits *shuffle; /* NULL: rows in order; else draw it, even where
                                       one batch of all rows needs none */
    const struct nnf_split *split;  /* NULL: learn from all rows, stop on their loss */
    enum nnf_score score;
    size_t n_threads;
    struct nnf_poll poll;
    /* Called at each epoch's end when not null; non-zero stops, and then the second is
     * not called after the first. That one runs as a part of the core and is to be
     * short; the second may call anything. Where poll stopped the call after the last
     * step of an epoch, that epoch is still told. */
    int (*note_epoch)(void *context, const struct nnf_training *training);
    int (*on_epoch)(void *context, const struct nnf_training *training,
                    enum nnf_event event);
    void *epoch_context;

    double learning_rate;  /* of the latest step */
    uint64_t n_updates;    /* Adam's t; counts dropout masks too */
    uint64_t n_seen;       /* rows trained on */
    size_t no_improvement; /* epochs in a row */
    double best_loss, best_score;

    size_t n_epochs; /* completed in this call */
    double loss;     /* of the last completed epoch */
    double validation_score;
    enum nnf_stop stop;
    size_t first_bad_epoch; /* counted from 1; 0: none */
};

/* State as before the first step: counters zero, best values at infinity, the
 * learning rate at its initial value. Settings are left alone. */
void nnf_training_begin(struct nnf_training *training);

/* NULL when settings and state are what they may be for these data, else the
 * sentence. What a split numbers is checked by nnf_row_numbers_check. */
const char *nnf_training_check(const struct nnf_net *net, const struct nnf_data *data,
                               const struct nnf_training *training);

/* Vectors of the length of θ that the solver keeps from step to step: one for sgd
 * (velocity), two for adam (first, then second moment). Zero them at the start. */
size_t nnf_solver_moments(enum nnf_solver solver);

size_t nnf_train_workspace(const struct nnf_net *net, const struct nnf_kernels *kernels,
                           const struct nnf_training *training,
                           const struct nnf_data *data);

/* Train θ in place for up to max_epochs. With a split best_parameters (length of θ)
 * receives θ of every epoch that beats best_score, and is left as it was when
 * none does; otherwise it may be NULL. When the call returns, θ is whole, whatever
 * stopped it: but if poll did so within a step of more than four million weights, a
 * part of them has made that step, and n_updates does not count it. */
void nnf_train(const struct nnf_net *net, const struct nnf_kernels *kernels,
               struct nnf_training *training, const struct nnf_data *data,
               void *parameters, void *moments, void *best_parameters, void *workspace);

#ifdef __cplusplus
}
#endif

#endif
