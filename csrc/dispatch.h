/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The floating-point environment the kernels run in. (The choice among the compiled
 * kernels, nnf_kernels_find, is public: nnfast.h.)
 */
#ifndef NNF_DISPATCH_H
#define NNF_DISPATCH_H

/* What to restore: an opaque copy of the control register. */
struct nnf_float_state {
    unsigned long long control;
};

/* Round to nearest, no traps, subnormals flushed to zero: subnormal moments would
 * make Adam 50 times slower. Every entry into the core enters, and leaves at its end,
 * so that the caller's state (and its sticky flags) is as it was. */
struct nnf_float_state nnf_float_enter(void);
void nnf_float_leave(struct nnf_float_state state);

#endif
