/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The weight gradient and what it reads, on every instruction set of this CPU and both
 * real types: all that is between two rows is written, and nothing else, for others may
 * write there at the same time. Numbers are small integers, so that sums are exact in
 * any order. Prints how many facts held; exits 0 only when all did.
 */
#include "common.h"

#include "check.h"
#include "each_kernel.h"
#include "small.h"
#include "take.h"

#include <stdlib.h>

enum { INPUTS = 13, OUTPUTS = 70, SAMPLES = 40, STRIDE = 48, GUARD = 99 };

static const size_t samples[] = {1, 2, 15, 17, SAMPLES};

/* A tile of so many units, whose first n samples are such numbers; the others are zero,
 * as those of a delta are up to the lanes. */
static void *
tile(const struct nnf_kernels *k, size_t units, size_t n, size_t seed)
{
    void *to = take((units + 1) * STRIDE * k->real_size, 0);

    for (size_t i = 0; i < units; i++) {
        for (size_t j = 0; j < n; j++) {
            put_real(k->real, to, i * STRIDE + j, number(seed + i * SAMPLES + j));
        }
    }
    return to;
}

/* Rows [first, last) with h outputs of which `vectors` vectors are products. */
static void
check_rows(const struct nnf_kernels *k, size_t first, size_t last, size_t h, size_t n,
           size_t vectors, bool accumulate)
{
    const size_t size = k->real_size, rows = INPUTS + 1;
    void *input = tile(k, rows, n, 5), *by_unit = tile(k, h, n, 1000);
    void *by_sample = take((vectors + 1) * k->lanes * STRIDE * size, 0xff);
    void *gradient = take((rows + 2) * h * size, 0);
    const struct nnf_delta delta = {by_unit, by_sample, vectors};
    bool right = true, kept = true;

    for (size_t i = 0; i < (rows + 2) * h; i++) {
        put_real(k->real, gradient, i, GUARD);
    }
    k->turn_delta(h, n, &delta, STRIDE);
    /* One row further on, so that there is something before it. */
    k->weight_gradient(first, last, h, n, input, &delta, STRIDE,
                       (char *)gradient + h * size, accumulate);
    for (size_t i = 0; i < rows + 2; i++) {
        for (size_t j = 0; j < h; j++) {
            double sum = accumulate ? GUARD : 0,
                   found = real_at(k->real, gradient, i * h + j);

            for (size_t s = 0; i > first && i <= last && s < n; s++) {
                sum += real_at(k->real, input, (i - 1) * STRIDE + s) *
                       real_at(k->real, by_unit, j * STRIDE + s);
            }
            if (i > first && i <= last) {
                right = right && found == sum;
            }
            else {
                kept = kept && found == GUARD;
            }
        }
    }
    check(right, "a gradient is the sum over the samples");
    check(kept, "nothing but its rows is written");
    free(input);
    free(by_unit);
    free(by_sample);
    free(gradient);
}

static void
check_kernels(const struct nnf_kernels *k)
{
    for (size_t h = 1; h <= OUTPUTS; h++) {
        size_t most = ceil_div(h, k->lanes);

        /* All outputs as products, whole vectors only, or none. */
        for (size_t v = 0; v < 3; v++) {
            size_t vectors = v == 0 ? most : v == 1 ? h / k->lanes : 0;

            for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
                bool accumulate = (h + v + i) % 2;

                check_rows(k, 0, INPUTS + 1, h, samples[i], vectors, accumulate);
                check_rows(k, 0, INPUTS + 1, h, samples[i], vectors, !accumulate);
                check_rows(k, h % 7, h % 7 + 1 + h % 5, h, samples[i], vectors,
                           accumulate);
                check_rows(k, 3, 3, h, samples[i], vectors, accumulate);
            }
        }
    }
}

int
main(void)
{
    check_each(check_kernels);
    return verdict();
}
