/* SPDX-License-Identifier: BSD-3-Clause */
#include "paces.h"

#include <stdint.h>
#include <string.h>

#include "system.h"

/* What is known of the pace of one kind of call, and how long it is worth knowing. */
struct memory {
    struct nnf_pace pace;
    double until;
};

#define MEMORIES ((size_t)16)
#define MEMORY_NANOSECONDS 10e9

static struct {
    struct memory memories[MEMORIES];
    nnf_mutex lock;
} paces = {
    .lock = NNF_MUTEX_INITIAL,
};

/* Where the pace of calls like this one is kept: one place for several kinds, of which
 * the latest has it. */
static struct memory *
memory_of(const struct nnf_pace *pace)
{
    uint64_t bits;

    memcpy(&bits, &pace->likeness, sizeof bits);
    return &paces.memories[(bits ^ bits >> 32 ^ bits >> 44) % MEMORIES];
}

void
nnf_paces_leave(const struct nnf_pace *pace)
{
    const struct memory memory = {*pace, nnf_clock() + MEMORY_NANOSECONDS};

    nnf_mutex_lock(&paces.lock);
    *memory_of(pace) = memory;
    nnf_mutex_unlock(&paces.lock);
}

void
nnf_paces_take(struct nnf_pace *pace)
{
    const struct memory *memory = memory_of(pace);

    nnf_mutex_lock(&paces.lock);
    if (memory->pace.likeness == pace->likeness && memory->pace.most == pace->most &&
        memory->until > nnf_clock()) {
        *pace = memory->pace;
    }
    nnf_mutex_unlock(&paces.lock);
}

void
nnf_paces_forget(void)
{
    paces.lock = (nnf_mutex)NNF_MUTEX_INITIAL;
    memset(paces.memories, 0, sizeof paces.memories);
}
