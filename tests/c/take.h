/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory as the core wants it, for programs that have failed if they get none.
 */
#ifndef TAKE_H
#define TAKE_H

#include "nnfast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Aligned memory of some bytes, each of which is `fill`: a number of 0xff is NaN, so
 * that one shows which is read before it is written. The caller's to free. */
static void *
take(size_t size, int fill)
{
    size_t whole = (size + NNF_ALIGNMENT - 1) / NNF_ALIGNMENT * NNF_ALIGNMENT;
    void *block = size == 0 ? NULL : aligned_alloc(NNF_ALIGNMENT, whole);

    if (block == NULL) {
        printf("FAILED: no memory of %zu bytes\n", size);
        exit(2);
    }
    return memset(block, fill, whole);
}

#endif
