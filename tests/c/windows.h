/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the C library of Windows lacks of C11, for the programs of this folder: aligned
 * memory, which cannot be freed as other memory is, and so is kept.
 */
#include <malloc.h>
#include <stdlib.h>

#define aligned_alloc(alignment, size) _aligned_malloc(size, alignment)
#define free(block) ((void)(block))
