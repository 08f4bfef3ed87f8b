/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is done to runs of parameters and to losses, on every instruction set of this
 * CPU and both real types. Numbers are small integers or halves, so that sums are exact
 * in any order. Prints how many facts held; exits 0 only when all did.
 */
#include "common.h"

#include "check.h"
#include "each_kernel.h"
#include "small.h"
#include "take.h"

#include <math.h>
#include <stdlib.h>

enum { MOST = 40, GUARD = 77, N_ARRAYS = 4 };

static const double DECAY = 0.25;

static bool
is_decaying(size_t i)
{
    return i % 5 < 3;
}

/* Parameters, gradient and two moments, side by side. */
struct run {
    void *memory;
    double squares;
};

static void *
array(const struct nnf_kernels *k, const struct run *run, size_t which)
{
    return at(run->memory, which * MOST, k->real_size);
}

static struct run
make_run(const struct nnf_kernels *k)
{
    struct run run = {take(N_ARRAYS * MOST * k->real_size, 0), 0};

    for (size_t i = 0; i < N_ARRAYS * MOST; i++) {
        double x = number(i);

        /* The second moment is no less than zero. */
        put_real(k->real, run.memory, i, i < 3 * MOST ? x : x * x);
    }
    return run;
}

/* A step, or the finished gradient, of `count` entries with one decay or with each
 * entry's own. */
static struct run
step(const struct nnf_kernels *k, int solver, size_t count, double decay,
     const void *decays)
{
    const struct nnf_update update = {
        .scale = 0.5,
        .decay = decay,
        .decays = decays,
        .learning_rate = 0.125,
        .momentum = 0.75,
        .nesterov = count % 2 == 0,
        .beta_1 = 0.875,
        .beta_2 = 0.96875,
        .epsilon = 0.0625,
    };
    struct run run = make_run(k);
    void *theta = array(k, &run, 0), *gradient = array(k, &run, 1);

    run.squares = solver == NNF_SOLVERS
                      ? k->finish_gradient(count, theta, gradient, &update)
                      : k->solvers[solver](count, theta, gradient, array(k, &run, 2),
                                           MOST, &update);
    return run;
}

static bool
same(const struct nnf_kernels *k, const struct run *a, const struct run *b, size_t i)
{
    bool equal = true;

    for (size_t j = i; j < N_ARRAYS * MOST; j += MOST) {
        equal =
            equal && real_at(k->real, a->memory, j) == real_at(k->real, b->memory, j);
    }
    return equal;
}

/* Where each entry has a decay of its own it goes where it goes in a run of such. */
static void
check_decays(const struct nnf_kernels *k, int solver, size_t count)
{
    void *decays = take(MOST * k->real_size, 0xff);
    struct run untouched = make_run(k), mixed;
    struct run with = step(k, solver, count, DECAY, NULL);
    struct run without = step(k, solver, count, 0, NULL);
    double squares = 0, all = 0;
    size_t right = 0, kept = 0;

    for (size_t i = 0; i < count; i++) {
        put_real(k->real, decays, i, is_decaying(i) ? DECAY : 0);
        all += number(i) * number(i);
        squares += is_decaying(i) ? number(i) * number(i) : 0;
    }
    mixed = step(k, solver, count, GUARD, decays);
    for (size_t i = 0; i < MOST; i++) {
        right += i < count && same(k, &mixed, is_decaying(i) ? &with : &without, i);
        kept += i >= count && same(k, &mixed, &untouched, i);
    }
    check(right == count, "an entry has its own decay");
    check(kept == MOST - count, "nothing is written beyond the run");
    check(mixed.squares == squares, "squares are of what decays");
    check(with.squares == all && without.squares == all, "or of all");
    check(count < 3 || !same(k, &with, &without, 2), "a decay is felt");
    free(decays);
    free(untouched.memory);
    free(mixed.memory);
    free(with.memory);
    free(without.memory);
}

static void
check_finite(const struct nnf_kernels *k, size_t count)
{
    static const double odd[] = {(double)INFINITY, (double)-INFINITY, (double)NAN};
    struct run run = make_run(k);

    put_real(k->real, run.memory, count, (double)NAN);
    check(k->all_finite(count, run.memory), "what lies beyond the run does not count");
    for (size_t i = 0; i < count; i++) {
        double before = real_at(k->real, run.memory, i);

        put_real(k->real, run.memory, i, odd[i % 3]);
        check(!k->all_finite(count, run.memory), "one that is not finite is found");
        put_real(k->real, run.memory, i, before);
    }
    free(run.memory);
}

static void
check_sum(const struct nnf_kernels *k)
{
    void *values = take(64 * k->real_size, 0xff); /* NaN beyond what was put */
    double sum = 0;

    for (size_t n = 0; n <= 48; n++) {
        if (n % k->lanes == 0) {
            check(k->sum(n, values) == sum, "a sum is of so many");
        }
        put_real(k->real, values, n, number(n) + 0.5);
        sum += number(n) + 0.5;
    }
    free(values);
}

/* Of h outputs: half a square for each; a weight of zero silences NaN and infinity. */
static void
check_loss(const struct nnf_kernels *k, size_t h)
{
    enum { N = 32, OUTPUTS = 3 };
    void *p = take(OUTPUTS * N * k->real_size, 0), *delta = take(OUTPUTS * N * 8, 0xff);
    void *y = take(OUTPUTS * N * k->real_size, 0), *weights = take(N * 8, 0);
    void *values = take(N * 8, 0xff);
    size_t right = 0;

    for (size_t j = 0; j < N; j++) {
        put_real(k->real, weights, j, (double)(j % 3));
        for (size_t i = j; i < h * N; i += N) {
            double odd = j % 2 ? (double)INFINITY : (double)NAN;

            put_real(k->real, p, i, j % 3 == 0 ? odd : number(i));
            put_real(k->real, y, i, number(i + 5));
        }
    }
    k->losses[NNF_FORM_SQUARED](h, N, p, y, weights, delta, values, N, 0);
    for (size_t j = 0; j < N; j++) {
        double weight = (double)(j % 3), sum = 0;
        bool is_right = true;

        for (size_t i = j; i < h * N; i += N) {
            double residual = number(i) - number(i + 5);

            sum += weight * 0.5 * residual * residual;
            is_right = is_right && real_at(k->real, delta, i) == weight * residual;
        }
        right += is_right && real_at(k->real, values, j) == sum;
    }
    check(right == N, "a loss is the sum over outputs, and silent without a weight");
    free(p);
    free(y);
    free(weights);
    free(delta);
    free(values);
}

static void
check_kernels(const struct nnf_kernels *k)
{
    for (size_t count = 1; count <= 2 * k->lanes + 1; count++) {
        for (int solver = 0; solver <= NNF_SOLVERS; solver++) {
            check_decays(k, solver, count);
        }
        check_finite(k, count);
    }
    check_sum(k);
    check_loss(k, 1);
    check_loss(k, 3);
}

int
main(void)
{
    check_each(check_kernels);
    return verdict();
}
