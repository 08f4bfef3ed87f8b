/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Values out of the bytes that a fuzzer made; zeros when they are used up.
 */
#ifndef BYTES_H
#define BYTES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    const uint8_t *next;
    size_t left;
};

static inline uint8_t
a_byte(struct bytes *bytes)
{
    if (bytes->left == 0) {
        return 0;
    }
    bytes->left--;
    return *bytes->next++;
}

/* Small mostly, else at one of the limits of integers. */
static inline size_t
a_size(struct bytes *bytes, size_t usual)
{
    static const size_t limits[] = {
        0,        1,          SIZE_MAX,    SIZE_MAX / 2,    SIZE_MAX / 128,
        1u << 31, (1u << 24), PTRDIFF_MAX, (size_t)1 << 32, ((size_t)1 << 32) - 1};
    uint8_t byte = a_byte(bytes);

    return byte < 250 ? byte % usual + 1
                      : limits[a_byte(bytes) % (sizeof limits / sizeof limits[0])];
}

/* Moderate mostly, else at one of the limits of real numbers. */
static inline double
a_number(struct bytes *bytes)
{
    static const double limits[] = {
        0,    -0.0,  INFINITY, -INFINITY, NAN,    1e-320,  1e-40, 1e-8,
        1e30, -1e30, 1e300,    -1e300,    0x1p63, -0x1p63, 1,     0x1.fffffep127};
    uint8_t byte = a_byte(bytes);

    return byte < 240 ? (byte - 120) / 32.0 : limits[byte - 240];
}

/* As setting: from 0 to 1, mostly. */
static inline double
a_share(struct bytes *bytes)
{
    uint8_t byte = a_byte(bytes);

    return byte < 240 ? byte / 256.0 : a_number(bytes);
}

#endif
