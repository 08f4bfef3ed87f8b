/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Facts that a program checks, counted.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

static size_t passed, failed;

static void
check(bool fact, const char *what)
{
    passed += fact;
    failed += !fact;
    if (!fact) {
        printf("FAILED: %s\n", what);
    }
}

/* What main returns: 0 only when all held. */
static int
verdict(void)
{
    printf("%zu passed, %zu failed\n", passed, failed);
    return passed == 0 || failed != 0;
}

#endif
