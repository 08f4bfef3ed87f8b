/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Preloaded into a process, this counts what it has allocated and refuses what it is
 * told to. All memory of malloc's passes here: NumPy's arrays, the core's workspaces,
 * and, under PYTHONMALLOC=malloc, Python's own objects. glibc only.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

/* What there is now, in all threads, and the most bytes since the last reset. */
static atomic_long bytes, blocks, peak;
static atomic_bool no_threads;

/* Of the thread that armed: how many more allocations of so many bytes succeed until one
 * fails, or never; and how many were asked for. */
#define IN_THREAD static _Thread_local __attribute__((tls_model("initial-exec")))
IN_THREAD long countdown = -1, asked;
IN_THREAD size_t least;
IN_THREAD bool armed;

static bool
refused(size_t size)
{
    if (!armed || size < least) {
        return false;
    }
    asked++;
    return countdown-- == 0;
}

static void *
noted(void *block)
{
    long now, before;

    if (block != NULL) {
        blocks++;
        now = (bytes += (long)malloc_usable_size(block));
        before = peak;
        while (now > before && !atomic_compare_exchange_weak(&peak, &before, now)) {
        }
    }
    return block;
}

static void
forgotten(void *block)
{
    if (block != NULL) {
        blocks--;
        bytes -= (long)malloc_usable_size(block);
    }
}

static void *
no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

void *
malloc(size_t size)
{
    return refused(size) ? no_memory() : noted(__libc_malloc(size));
}

void *
calloc(size_t count, size_t size)
{
    return refused(count * size) ? no_memory() : noted(__libc_calloc(count, size));
}

void *
realloc(void *block, size_t size)
{
    size_t before = block == NULL ? 0 : malloc_usable_size(block);
    void *moved;

    if (refused(size)) {
        return no_memory();
    }
    moved = __libc_realloc(block, size);
    if (before > 0 && (moved != NULL || size == 0)) {
        blocks--;
        bytes -= (long)before;
    }
    return noted(moved);
}

void *
memalign(size_t alignment, size_t size)
{
    return refused(size) ? no_memory() : noted(__libc_memalign(alignment, size));
}

void *
aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int
posix_memalign(void **block, size_t alignment, size_t size)
{
    void *got = memalign(alignment, size);

    if (got == NULL) {
        return ENOMEM;
    }
    *block = got;
    return 0;
}

void
free(void *block)
{
    forgotten(block);
    __libc_free(block);
}

int
pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
               void *(*start)(void *), void *argument)
{
    int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

    if (no_threads) {
        return EAGAIN;
    }
    *(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
    return next(thread, attributes, start, argument);
}

/* What Python calls. */

/* From now on, of this thread's allocations of at least `size` bytes the one that
 * follows the next `n` fails; none does when n is negative. */
void
shim_arm(long n, size_t size)
{
    least = size;
    countdown = n;
    asked = 0;
    armed = true;
}

/* How many allocations were asked for since. */
long
shim_disarm(void)
{
    armed = false;
    return asked;
}

void
shim_refuse_threads(bool refuse)
{
    no_threads = refuse;
}

long
shim_bytes(void)
{
    return bytes;
}

long
shim_blocks(void)
{
    return blocks;
}

/* The most bytes since the last call of this. */
long
shim_peak(void)
{
    return atomic_exchange(&peak, bytes);
}
