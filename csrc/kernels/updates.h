/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is done to runs of θ: one step of each solver, and the finished gradient.
 * The arithmetic is scikit-learn's, in its order and in the real type, with products
 * and sums fused where there are such instructions. The sum of squares that the L2
 * penalty needs is taken on the way, in double.
 */
#ifndef NNF_KERNELS_UPDATES_H
#define NNF_KERNELS_UPDATES_H

#include <stdbool.h>

#include "../kernels.h"
#include "vector.h"
#include "wide.h"

struct step {
    vec scale, decay, rate, momentum, beta_1, beta_2, rest_1, rest_2, epsilon;
    bool nesterov;
};

ALWAYS_INLINE struct step
step_of(const struct nnf_update *update)
{
    return (struct step){
        .scale = splat((real)update->scale),
        .decay = splat((real)update->decay),
        .rate = splat((real)update->learning_rate),
        .momentum = splat((real)update->momentum),
        .beta_1 = splat((real)update->beta_1),
        .beta_2 = splat((real)update->beta_2),
        .rest_1 = splat((real)(1 - update->beta_1)),
        .rest_2 = splat((real)(1 - update->beta_2)),
        .epsilon = splat((real)update->epsilon),
        .nesterov = update->nesterov,
    };
}

/* w, and the moments a and b, after one step with the gradient g; which product is
 * rounded is the same in every loop. */
typedef void step_function(const struct step *s, vec g, vec *w, vec *a, vec *b);

/* v := μ v - η g; w += v, or with Nesterov's look-ahead w += μ v - η g. */
ALWAYS_INLINE void
sgd_step(const struct step *s, vec g, vec *w, vec *a, vec *b)
{
    vec less = -(s->rate * g);

    (void)b;
    *a = vec_multiply_add(s->momentum, *a, less);
    if (s->nesterov) {
        *w += vec_multiply_add(s->momentum, *a, less);
    }
    else {
        *w += *a;
    }
}

/* Kingma and Ba 2014, algorithm 1 in the order of the end of its section 2; rate is
 * η sqrt(1 - β₂ᵗ) / (1 - β₁ᵗ). */
ALWAYS_INLINE void
adam_step(const struct step *s, vec g, vec *w, vec *a, vec *b)
{
    *a = vec_multiply_add(s->beta_1, *a, s->rest_1 * g);
    *b = vec_multiply_add(s->beta_2, *b, s->rest_2 * (g * g));
    *w -= s->rate * *a / (vec_sqrt(*b) + s->epsilon);
}

/* The gradient of x with the decay of the entries, which is that of all of them or, at
 * decays, of each; the sum is of the squares of those that decay. */
ALWAYS_INLINE vec
decayed(const struct step *s, const real *decays, size_t n, vec x, vec g,
        struct vec_double *sum)
{
    vec decay = decays == NULL ? s->decay : load_up_to(decays, n);
    vec counted = decays == NULL ? x : vec_only(decay != splat(0), x);

    add_square(sum, counted);
    return vec_multiply_add(decay, x, g) * s->scale;
}

/* A run of θ, as its solver takes it through one step. */
struct run {
    real *w;
    const real *g;
    real *a, *b;
    const real *decays;
    struct step step;
    struct vec_double squares;
};

/* n entries, at most a vector, from the i-th on. */
ALWAYS_INLINE void
step_at(step_function f, const bool second, const bool each, size_t i, size_t n,
        struct run *run)
{
    const struct step *s = &run->step;
    const real *decays = each ? run->decays + i : NULL;
    vec w = load_up_to(run->w + i, n), a = load_up_to(run->a + i, n), b = {0};
    vec g = decayed(s, decays, n, w, load_up_to(run->g + i, n), &run->squares);

    if (second) {
        b = load_up_to(run->b + i, n);
    }
    f(s, g, &w, &a, &b);
    store_up_to(run->w + i, w, n);
    store_up_to(run->a + i, a, n);
    if (second) {
        store_up_to(run->b + i, b, n);
    }
}

ALWAYS_INLINE double
run_solver(step_function f, const bool second, const bool each, size_t count,
           struct run run)
{
    size_t i = 0;

    NO_UNROLL
    for (; i + LANES <= count; i += LANES) {
        step_at(f, second, each, i, LANES, &run);
    }
    if (i < count) {
        step_at(f, second, each, i, count - i, &run);
    }
    return sum_of(run.squares);
}

ALWAYS_INLINE double
solve(step_function f, const bool second, size_t count, void *parameters,
      const void *gradient, void *moments, size_t size, const struct nnf_update *update)
{
    struct run run = {
        .w = parameters,
        .g = gradient,
        .a = moments,
        .b = second ? (real *)moments + size : NULL,
        .decays = update->decays,
        .step = step_of(update),
    };

    return run.decays == NULL ? run_solver(f, second, false, count, run)
                              : run_solver(f, second, true, count, run);
}

static double
sgd(size_t count, void *parameters, const void *gradient, void *moments, size_t size,
    const struct nnf_update *update)
{
    return solve(sgd_step, false, count, parameters, gradient, moments, size, update);
}

static double
adam(size_t count, void *parameters, const void *gradient, void *moments, size_t size,
     const struct nnf_update *update)
{
    return solve(adam_step, true, count, parameters, gradient, moments, size, update);
}

static double
finish_gradient(size_t count, const void *parameters, void *gradient,
                const struct nnf_update *update)
{
    const struct step s = step_of(update);
    const real *w = parameters, *decays = update->decays;
    real *g = gradient;
    struct vec_double sum = {0};

    for (size_t i = 0; i < count; i += LANES) {
        size_t n = count - i;
        vec x = load_up_to(w + i, n), y = load_up_to(g + i, n);

        y = decayed(&s, decays == NULL ? NULL : decays + i, n, x, y, &sum);
        store_up_to(g + i, y, n);
    }
    return sum_of(sum);
}

/* x - x is zero for every finite x and NaN for the others. */
static bool
all_finite(size_t count, const void *parameters)
{
    const real *w = parameters;
    vec sum = {0};
    uint64_t part[VECTOR_BYTES / sizeof(uint64_t)], any = 0;
    size_t i = 0;
    ivec bad;
    vec x;

    for (; i + LANES <= count; i += LANES) {
        x = load_u(w + i);
        sum += x - x;
    }
    x = load_up_to(w + i, count - i);
    sum += x - x;
    bad = sum != splat(0);
    memcpy(part, &bad, sizeof(part));
    UNROLL
    for (size_t k = 0; k < sizeof(part) / sizeof(part[0]); k++) {
        any |= part[k];
    }
    return any == 0;
}

#endif
