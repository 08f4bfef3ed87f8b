/* SPDX-License-Identifier: BSD-3-Clause
 *
 * For programs about the kernels of every instruction set.
 */
#ifndef EACH_KERNEL_H
#define EACH_KERNEL_H

#include "kernels.h"

/* Check those of each instruction set that this CPU has, in both real types. */
static void
check_each(void (*check_kernels)(const struct nnf_kernels *))
{
    for (size_t i = 0; nnf_isa_name(i) != NULL; i++) {
        for (int real = NNF_FLOAT32; real <= NNF_FLOAT64; real++) {
            const struct nnf_kernels *kernels =
                nnf_kernels_find(nnf_isa_name(i), (enum nnf_real)real);

            if (kernels != NULL) {
                check_kernels(kernels);
            }
        }
    }
}

#endif
