/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What calls have learnt about their pace, for a while, for those to come that are
 * alike.
 */
#ifndef NNF_PACES_H
#define NNF_PACES_H

#include "pace.h"

/* Leave a call's pace for those to come, and give one that begins the latest of an
 * alike call, if that is not long ago. */
void nnf_paces_leave(const struct nnf_pace *pace);
void nnf_paces_take(struct nnf_pace *pace);

/* In a forked child, where one may be half written. */
void nnf_paces_forget(void);

#endif
