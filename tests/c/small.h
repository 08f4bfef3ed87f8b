/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SMALL_H
#define SMALL_H

#include <stddef.h>

/* A whole number from -3 to 4: sums of few such products are exact in any order. */
static double
number(size_t i)
{
    return (double)(i * i % 7) - (double)(i % 4);
}

#endif
