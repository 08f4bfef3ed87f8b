/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a core can do: multiply-adds on registers, and streams through memory.
 *
 * Compiled by machine.py with VECTOR_BYTES and the flags of the instruction set that
 * nnfast uses, so that the peak is that of the instructions its kernels may use.
 * Where the set has no fused multiply-add, it is a multiplication and an addition.
 */
#include <stddef.h>

/* Twelve chains of dependent operations, each with a name so that it stays in a
 * register: enough for two pipelines of up to six cycles, and with both operands still
 * within the sixteen registers of AVX2. They start from different values and their sum
 * is returned, so a compiler can neither merge nor drop any. A round does 24 operations
 * on each lane. */
#define PEAK(real)                                                                     \
    typedef real real##_vector __attribute__((vector_size(VECTOR_BYTES)));             \
    double peak_##real(size_t rounds, real factor, real term)                          \
    {                                                                                  \
        real##_vector zero = {0}, x = zero + factor, y = zero + term;                  \
        real##_vector a = y, b = a + y, c = b + y, d = c + y, e = d + y, f = e + y;    \
        real##_vector g = f + y, h = g + y, i = h + y, j = i + y, k = j + y, l = k + y; \
        for (; rounds > 0; rounds--) {                                                 \
            a = a * x + y, b = b * x + y, c = c * x + y, d = d * x + y;                \
            e = e * x + y, f = f * x + y, g = g * x + y, h = h * x + y;                \
            i = i * x + y, j = j * x + y, k = k * x + y, l = l * x + y;                \
        }                                                                              \
        return (double)(a + b + c + d + e + f + g + h + i + j + k + l)[0];             \
    }

PEAK(float)
PEAK(double)

/* Reads n floats (a multiple of 8 vectors) once. */
float
stream_read(size_t n, const float *from)
{
    const float_vector *v = (const float_vector *)from;
    const float_vector *end = (const float_vector *)(from + n);
    float_vector a = {0}, b = {0}, c = {0}, d = {0}, e = {0}, f = {0}, g = {0}, h = {0};

    for (; v < end; v += 8) {
        a += v[0], b += v[1], c += v[2], d += v[3];
        e += v[4], f += v[5], g += v[6], h += v[7];
    }
    return (a + b + c + d + e + f + g + h)[0];
}

/* Reads n floats of both arrays and writes those of the second, as an update does. */
void
stream_update(size_t n, const float *from, float *to)
{
    const float_vector *v = (const float_vector *)from;
    const float_vector *end = (const float_vector *)(from + n);
    float_vector *w = (float_vector *)to;

    for (; v < end; v++, w++) {
        *w = *w * 0.5f + *v;
    }
}
