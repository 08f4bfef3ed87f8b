/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How far activations, their derivatives and the logarithm are from the truth, for
 * every instruction set of this CPU and both real types.
 *
 *     accuracy [POINTS [every]]
 *
 * POINTS random arguments for each function; "every" adds, in float32, all from 2^-14
 * to 2^7 in size. A line of the table is one function's worst: the error in units of
 * the last place (ulp) and the argument. The facts: no value is further than 4 ulp of
 * itself from the truth, no derivative further than 4 ulp of its largest magnitude. A
 * value that would be subnormal may be zero.
 *
 * The truth is computed in long double; where that is no wider than double, float64
 * is left out.
 */
#include "dispatch.h"
#include "kernels.h"

#include "check.h"
#include "exact.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1024, BOUND = 4, POINTS = 32 * BLOCK, LOG = NNF_ACTIVATIONS };

static const struct function {
    const char *name;
    long double (*value)(long double z);
    long double (*slope)(long double); /* see exact.h */
    double slope_largest;              /* rounded down */
} functions[] = {
    [NNF_IDENTITY] = {"identity", identity, identity_slope, 1},
    [NNF_LOGISTIC] = {"logistic", logistic, logistic_slope, 0.25},
    [NNF_TANH] = {"tanh", tanhl, tanh_slope, 1},
    [NNF_RELU] = {"relu", relu, relu_slope, 1},
    [NNF_LEAKY_RELU] = {"leaky_relu", leaky_relu, leaky_relu_slope, 1},
    [NNF_ELU] = {"elu", elu, elu_slope, 1},
    [NNF_SELU] = {"selu", selu, selu_slope, 1.758},
    [NNF_GELU] = {"gelu", gelu, gelu_slope, 1.128},
    [NNF_SILU] = {"silu", silu, silu_slope, 1.099},
    [NNF_MISH] = {"mish", mish, mish_slope, 1.088},
    [NNF_SOFTPLUS] = {"softplus", softplus, softplus_slope, 1},
    [NNF_SOFTSIGN] = {"softsign", softsign, softsign_slope, 1},
    [NNF_HARD_SIGMOID] = {"hard_sigmoid", hard_sigmoid, hard_sigmoid_slope, 0.16},
    [NNF_EXP] = {"exp", expl, NULL, 0}, /* its slope is its value */
    [NNF_SOFTMAX] = {"softmax", NULL, NULL, 0},
    [LOG] = {"log", minus_log, NULL, 0},
};

/* Numbers of either type. */

static const struct format {
    enum nnf_real real;
    const char *name;
    int digits, least, most; /* as in float.h, in bits */
} formats[] = {
    {NNF_FLOAT32, "float32", FLT_MANT_DIG, FLT_MIN_EXP, FLT_MAX_EXP},
    {NNF_FLOAT64, "float64", DBL_MANT_DIG, DBL_MIN_EXP, DBL_MAX_EXP},
};

union numbers {
    _Alignas(NNF_ALIGNMENT) float single[BLOCK];
    double wide[BLOCK];
};

static double
get(const struct format *f, const union numbers *x, size_t i)
{
    return f->real == NNF_FLOAT32 ? (double)x->single[i] : x->wide[i];
}

/* Rounds to the type. */
static void
set(const struct format *f, union numbers *x, size_t i, long double value)
{
    if (f->real == NNF_FLOAT32) {
        x->single[i] = (float)value;
    }
    else {
        x->wide[i] = (double)value;
    }
}

/* From `got` to the exact value, in units of the last place of numbers like `size`. */
static double
distance(const struct format *f, double got, long double exact, long double size)
{
    const long double tiny = ldexpl(1, f->least - 1), huge = ldexpl(1, f->most);
    const long double few = ldexpl(BOUND, 1 - f->digits);
    int exponent;

    if (got == 0 && fabsl(exact) < tiny * (1 + few)) {
        return 0;
    }
    if (isinf(got) && exact > huge * (1 - few)) {
        return 0;
    }
    if (!isfinite(got)) {
        return INFINITY;
    }
    frexpl(size, &exponent);
    exponent = exponent < f->least ? f->least : exponent;
    return (double)ldexpl(fabsl(got - exact), f->digits - exponent);
}

/* Arguments. */

static uint64_t
next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Most from 2^-12 to 2^10, where something happens; some of any size. */
static double
draw(const struct format *f, uint64_t *seed)
{
    const int limit = f->real == NNF_FLOAT32 ? 104 : 760; /* beyond all underflows */
    double sign = next(seed) % 2 == 0 ? 1 : -1;
    double fraction = (double)next(seed) * 0x1p-31 + (double)next(seed) * 0x1p-62;
    int exponent = (int)next(seed);

    switch (next(seed) % 8) {
    case 0:
        return sign * ldexp(1 + fraction, f->least + exponent % (f->most - f->least));
    case 1:
    case 2:
        return sign * limit * fraction;
    default:
        return sign * ldexp(1 + fraction, exponent % 22 - 12);
    }
}

/* The float32 from 2^-14 to 2^7 and their negatives, by number. */
enum { FIRST = (127 - 14) << 23, EVERY = 2 * (14 + 7) << 23 };

static double
enumerate(uint32_t i)
{
    uint32_t bits = (FIRST + (i >> 1)) | i << 31;
    float z;

    memcpy(&z, &bits, sizeof z);
    return (double)z;
}

/* The logarithm is taken of probabilities that have been clipped. */
static double
argument(const struct format *f, size_t function, double z)
{
    double epsilon = ldexp(1, 1 - f->digits);

    if (function != LOG) {
        return z;
    }
    z = 0 < z && z < 1 ? z : (double)logistic(z);
    return fmin(fmax(z, epsilon), 1 - epsilon);
}

/* One function in one type: arguments, the truth about them, and the worst that any
 * instruction set made of them. */

struct worst {
    double error, where;
};

struct sweep {
    const struct format *format;
    size_t function;
    size_t filled; /* of the block */
    union numbers z, h;
    long double value[BLOCK], slope[BLOCK];
    struct worst values[8], slopes[8]; /* by instruction set */
};

static void
note(struct worst *worst, double error, double where)
{
    if (error > worst->error) {
        *worst = (struct worst){error, where};
    }
}

static const struct nnf_kernels *
kernels_at(const struct format *f, size_t isa)
{
    return nnf_isa_name(isa) == NULL ? NULL
                                     : nnf_kernels_find(nnf_isa_name(isa), f->real);
}

/* What these kernels give for the block. */
static void
compute(const struct sweep *s, const struct nnf_kernels *k, union numbers *values,
        union numbers *slopes)
{
    static union numbers ones, scratch;
    struct nnf_float_state state = nnf_float_enter();

    for (size_t i = 0; i < BLOCK; i++) {
        set(s->format, &ones, i, 1);
    }
    if (s->function == LOG) {
        k->losses[NNF_FORM_LOG_LOGISTIC](1, BLOCK, &s->z, &ones, &ones, &scratch,
                                         values, BLOCK, 0);
    }
    else {
        const struct nnf_activation_kernels *a = &k->activations[s->function];

        *values = s->z;
        a->forward_slope(1, BLOCK, values, slopes, BLOCK);
        *values = s->z;
        a->forward(1, BLOCK, values, BLOCK);
        if (a->backward != NULL) {
            *slopes = ones;
            a->backward(1, BLOCK, &s->h, slopes, BLOCK);
        }
    }
    nnf_float_leave(state);
}

static void
measure(struct sweep *s)
{
    static union numbers values, slopes;
    const struct function *function = &functions[s->function];
    const struct nnf_kernels *k;

    for (size_t isa = 0; nnf_isa_name(isa) != NULL; isa++) {
        if ((k = kernels_at(s->format, isa)) == NULL) {
            continue;
        }
        compute(s, k, &values, &slopes);
        for (size_t i = 0; i < BLOCK; i++) {
            double z = get(s->format, &s->z, i);
            double value = get(s->format, &values, i);
            double slope = get(s->format, &slopes, i);

            note(&s->values[isa], distance(s->format, value, s->value[i], s->value[i]),
                 z);
            if (function->slope != NULL) {
                note(&s->slopes[isa],
                     distance(s->format, slope, s->slope[i], function->slope_largest),
                     z);
            }
        }
    }
    s->filled = 0;
}

/* Add z, rounded to the type, to the block. */
static void
add(struct sweep *s, double z)
{
    const struct function *function = &functions[s->function];
    const bool keeps_slope =
        s->function != LOG &&
        nnf_kernels_find(NULL, s->format->real)->activations[s->function].backward ==
            NULL;
    const size_t i = s->filled++;

    set(s->format, &s->z, i, argument(s->format, s->function, z));
    z = get(s->format, &s->z, i);
    s->value[i] = function->value(z);
    set(s->format, &s->h, i, s->value[i]);
    if (function->slope != NULL) {
        s->slope[i] = function->slope(keeps_slope ? z : get(s->format, &s->h, i));
    }
    if (s->filled == BLOCK) {
        measure(s);
    }
}

static void
report(const struct sweep *s, const char *what, const struct worst *worst)
{
    for (size_t isa = 0; nnf_isa_name(isa) != NULL; isa++) {
        if (kernels_at(s->format, isa) != NULL) {
            printf("%-5s  %-12s  %s  %-6s  %5.2f  at %.9g\n", what,
                   functions[s->function].name, s->format->name, nnf_isa_name(isa),
                   worst[isa].error, worst[isa].where);
            check(worst[isa].error <= BOUND, "at most 4 ulp");
        }
    }
}

/* The softmax is one of ten numbers, of rows that lie in columns. */
enum { CLASSES = 10, ROWS = 96, LOGITS = CLASSES * ROWS };

static void
softmax(const struct format *f, const union numbers *z, long double *p)
{
    long double largest[ROWS], sum[ROWS] = {0};

    for (size_t i = 0; i < LOGITS; i++) {
        long double logit = get(f, z, i);

        largest[i % ROWS] = i < ROWS ? logit : fmaxl(largest[i % ROWS], logit);
    }
    for (size_t i = 0; i < LOGITS; i++) {
        p[i] = expl(get(f, z, i) - largest[i % ROWS]);
        sum[i % ROWS] += p[i];
    }
    for (size_t i = 0; i < LOGITS; i++) {
        p[i] /= sum[i % ROWS];
    }
}

static void
sweep_softmax(const struct format *f, size_t points)
{
    static union numbers p;
    static struct sweep s;
    uint64_t seed = 1;

    s = (struct sweep){.format = f, .function = NNF_SOFTMAX};
    for (size_t done = 0; done < points; done += LOGITS) {
        for (size_t i = 0; i < LOGITS; i++) { /* between 0 and 1, 2, 4, ... or 128 */
            set(f, &s.z, i, ldexp((double)next(&seed), (int)(i % ROWS % 8) - 31));
        }
        softmax(f, &s.z, s.value);
        for (size_t isa = 0; nnf_isa_name(isa) != NULL; isa++) {
            const struct nnf_kernels *k = kernels_at(f, isa);
            struct nnf_float_state state = nnf_float_enter();

            if (k != NULL) {
                p = s.z;
                k->activations[NNF_SOFTMAX].forward(CLASSES, ROWS, &p, ROWS);
            }
            nnf_float_leave(state);
            for (size_t i = 0; k != NULL && i < LOGITS; i++) {
                note(&s.values[isa], distance(f, get(f, &p, i), s.value[i], s.value[i]),
                     get(f, &s.z, i));
            }
        }
    }
    report(&s, "value", s.values);
}

int
main(int argc, char **argv)
{
    const size_t points = argc > 1 ? strtoull(argv[1], NULL, 10) : POINTS;
    const bool every = argc > 2 && strcmp(argv[2], "every") == 0;
    const size_t n_formats = LDBL_MANT_DIG >= DBL_MANT_DIG + 8 ? 2 : 1;

    for (size_t f = 0; f < n_formats; f++) {
        for (size_t function = 0; function <= LOG; function++) {
            static struct sweep s;
            uint64_t seed = function;

            if (function == NNF_SOFTMAX) {
                sweep_softmax(&formats[f], points);
                continue;
            }
            s = (struct sweep){.format = &formats[f], .function = function};
            for (size_t i = 0; i < points / BLOCK * BLOCK; i++) {
                add(&s, draw(s.format, &seed));
            }
            for (uint32_t i = 0; every && f == 0 && i < EVERY; i++) {
                add(&s, enumerate(i));
            }
            report(&s, "value", s.values);
            if (functions[function].slope != NULL) {
                report(&s, "slope", s.slopes);
            }
        }
    }
    return verdict();
}
