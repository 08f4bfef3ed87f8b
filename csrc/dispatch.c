/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which kernels were compiled in, and which of them this CPU runs. The dispatcher
 * knows nothing of what kernels do, the kernels nothing of dispatch.
 */
#include "dispatch.h"

#include <stdbool.h>
#include <string.h>

#include "common.h"
#include "kernels.h"
#include "nnfast.h"

#if defined(__x86_64__) || defined(__i386__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

extern const struct nnf_kernels nnf_kernels_base_float, nnf_kernels_base_double;
extern const struct nnf_kernels nnf_kernels_avx2_float, nnf_kernels_avx2_double;
extern const struct nnf_kernels nnf_kernels_avx512_float, nnf_kernels_avx512_double;
extern const struct nnf_kernels nnf_kernels_neon_float, nnf_kernels_neon_double;

static bool
always(void)
{
    return true;
}

/* The compiler's own CPUID code also asks the system (XGETBV) whether it saves
 * the wide registers. */
#ifdef NNF_HAVE_AVX2
static bool
has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif

#ifdef NNF_HAVE_AVX512
static bool
has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#endif

/* Better ones later. */
static const struct {
    const char *name;
    bool (*supported)(void);
    const struct nnf_kernels *kernels[2]; /* by enum nnf_real */
} isas[] = {
#ifdef NNF_HAVE_NEON /* the baseline of its machines */
    {"base", always, {&nnf_kernels_neon_float, &nnf_kernels_neon_double}},
    {"neon", always, {&nnf_kernels_neon_float, &nnf_kernels_neon_double}},
#else
    {"base", always, {&nnf_kernels_base_float, &nnf_kernels_base_double}},
#endif
#ifdef NNF_HAVE_AVX2
    {"avx2", has_avx2, {&nnf_kernels_avx2_float, &nnf_kernels_avx2_double}},
#endif
#ifdef NNF_HAVE_AVX512
    {"avx512", has_avx512, {&nnf_kernels_avx512_float, &nnf_kernels_avx512_double}},
#endif
};

const struct nnf_kernels *
nnf_kernels_find(const char *isa, enum nnf_real real)
{
    const struct nnf_kernels *found = NULL;

    for (size_t i = 0; i < ARRAY_LENGTH(isas); i++) {
        if ((isa == NULL || strcmp(isa, isas[i].name) == 0) && isas[i].supported()) {
            found = isas[i].kernels[real];
        }
    }
    return found;
}

const char *
nnf_kernels_isa(const struct nnf_kernels *kernels)
{
    return kernels->isa;
}

size_t
nnf_kernels_lanes(const struct nnf_kernels *kernels)
{
    return kernels->lanes;
}

const char *
nnf_isa_name(size_t i)
{
    return i < ARRAY_LENGTH(isas) ? isas[i].name : NULL;
}

#if defined(__SSE2__) || defined(_M_X64)

#define MXCSR_MASK_ALL 0x1f80ull
#define MXCSR_FLUSH 0x8040ull /* results and operands */

struct nnf_float_state
nnf_float_enter(void)
{
    struct nnf_float_state state = {_mm_getcsr()};

    _mm_setcsr((unsigned)(MXCSR_MASK_ALL | MXCSR_FLUSH));
    return state;
}

void
nnf_float_leave(struct nnf_float_state state)
{
    _mm_setcsr((unsigned)state.control);
}

#elif defined(__aarch64__)

#define FPCR_FLUSH (1ull << 24)

struct nnf_float_state
nnf_float_enter(void)
{
    struct nnf_float_state state;

    __asm__ volatile("mrs %0, fpcr" : "=r"(state.control));
    __asm__ volatile("msr fpcr, %0" : : "r"(FPCR_FLUSH));
    return state;
}

void
nnf_float_leave(struct nnf_float_state state)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(state.control));
}

#else

struct nnf_float_state
nnf_float_enter(void)
{
    return (struct nnf_float_state){0};
}

void
nnf_float_leave(struct nnf_float_state state)
{
    (void)state;
}

#endif
