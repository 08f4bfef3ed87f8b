/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is done to runs of θ: one step of each solver, and the finished gradient.
 * The arithmetic is scikit-learn's, operation by operation, in the real type; the
 * sum of squares that the L2 penalty needs is taken on the way, in double.
 */
#ifndef NNF_KERNELS_UPDATES_H
#define NNF_KERNELS_UPDATES_H

#include <stdbool.h>

#include "../kernels.h"
#include "vector.h"

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

/* w, and the moments a and b, after one step with the gradient g. */
typedef void step_function(const struct step *s, vec g, vec *w, vec *a, vec *b);

/* v := μ v - η g; w += v, or with Nesterov's look-ahead w += μ v - η g. */
ALWAYS_INLINE void
sgd_step(const struct step *s, vec g, vec *w, vec *a, vec *b)
{
    (void)b;
    *a = s->momentum * *a - s->rate * g;
    if (s->nesterov) {
        *w += s->momentum * *a - s->rate * g;
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
    *a = s->beta_1 * *a + s->rest_1 * g;
    *b = s->beta_2 * *b + s->rest_2 * (g * g);
    *w -= s->rate * *a / (vec_sqrt(*b) + s->epsilon);
}

ALWAYS_INLINE double
sum_of(struct vec_double sum)
{
    doubles total = sum.part[0];

    UNROLL
    for (int i = 1; i < LANES / DOUBLES; i++) {
        total += sum.part[i];
    }
    UNROLL
    for (int half = DOUBLES / 2; half > 0; half /= 2) {
        UNROLL
        for (int i = 0; i < half; i++) {
            total[i] += total[i + half];
        }
    }
    return total[0];
}

ALWAYS_INLINE double
run_solver(step_function f, const bool second, size_t count, real *w, const real *g,
           real *a, real *b, const struct nnf_update *update)
{
    const struct step s = step_of(update);
    struct vec_double sum = {0};

    NO_UNROLL
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = count - i;
        vec x = load_up_to(w + i, n), m = load_up_to(a + i, n), v = {0};

        if (second) {
            v = load_up_to(b + i, n);
        }
        add_square(&sum, x);
        f(&s, (load_up_to(g + i, n) + s.decay * x) * s.scale, &x, &m, &v);
        store_up_to(w + i, x, n);
        store_up_to(a + i, m, n);
        if (second) {
            store_up_to(b + i, v, n);
        }
    }
    return sum_of(sum);
}

static double
sgd(size_t count, void *parameters, const void *gradient, void *moments, size_t size,
    const struct nnf_update *update)
{
    (void)size;
    return run_solver(sgd_step, false, count, parameters, gradient, moments, NULL,
                      update);
}

static double
adam(size_t count, void *parameters, const void *gradient, void *moments, size_t size,
     const struct nnf_update *update)
{
    return run_solver(adam_step, true, count, parameters, gradient, moments,
                      (real *)moments + size, update);
}

static double
finish_gradient(size_t count, const void *parameters, void *gradient,
                const struct nnf_update *update)
{
    const struct step s = step_of(update);
    const real *w = parameters;
    real *g = gradient;
    struct vec_double sum = {0};

    for (size_t i = 0; i < count; i += LANES) {
        size_t n = count - i;
        vec x = load_up_to(w + i, n);
        vec y = load_up_to(g + i, n);

        add_square(&sum, x);
        store_up_to(g + i, (y + s.decay * x) * s.scale, n);
    }
    return sum_of(sum);
}

/* x - x is zero for every finite x and NaN for the others. */
static bool
all_finite(size_t count, const void *parameters)
{
    const real *w = parameters;
    vec sum = {0};
    real total = 0;
    size_t i = 0;

    for (; i + LANES <= count; i += LANES) {
        vec x = load_u(w + i);

        sum += x - x;
    }
    for (; i < count; i++) {
        total += w[i] - w[i];
    }
    for (int lane = 0; lane < LANES; lane++) {
        total += sum[lane];
    }
    return total == 0;
}

#endif
