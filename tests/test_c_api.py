# SPDX-License-Identifier: BSD-3-Clause
"""The C core without Python: nnfast.h alone, and programs that use it."""

import re
import sys
import sysconfig

import numpy as np
import pytest
from compiled import CC, ROOT, can_build, core_objects
from shell import run

CSRC = ROOT / "csrc"
HEADERS = sorted(CSRC.rglob("*.h"))
PROGRAMS = sorted(path.stem for path in ROOT.glob("tests/c/*.c"))

needs_elf = pytest.mark.skipif(sys.platform != "linux", reason="reads ELF objects")


@pytest.mark.parametrize("program", PROGRAMS)
def test_all_facts_of_the_c_programs_hold(program, built):
    """Sanitizers look on in .ci/run."""
    said = run(built / program)
    assert re.search(r"^[1-9]\d* passed, 0 failed$", said, re.MULTILINE)


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.name)
def test_every_header_compiles_alone(header):
    strict = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-psabi"]
    strict += ["-Wno-unused-function"]
    includes = ["-isystem", sysconfig.get_path("include"), "-isystem", np.get_include()]
    run(*CC, *strict, *includes, "-I", CSRC, "-fsyntax-only", "-x", "c", header)


def test_the_public_header_is_cplusplus_too():
    if not can_build("c++"):
        pytest.skip("no C++ compiler here")
    strict = ["-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    source = '#include "nnfast.h"\n#include "nnfast.h"\n'
    run(*CC, *strict, "-I", CSRC, "-fsyntax-only", "-x", "c++", "-", source=source)


PLUGIN = """
#include "nnfast.h"
#include <stdlib.h>

NNF_EXPORTED int
predict(void)
{
    static const float theta[9], inputs[400];
    static float outputs[200];
    const size_t widths[] = {2, 2, 1};
    const enum nnf_activation activations[] = {NNF_RELU, NNF_IDENTITY};
    const struct nnf_net net = {2, widths, activations, NNF_SQUARED_ERROR, 1};
    const struct nnf_data data = {.n_rows = 200, .inputs = inputs};
    const struct nnf_kernels *kernels = nnf_kernels_find(NULL, NNF_FLOAT32);
    size_t size = nnf_predict_workspace(&net, kernels, &data, 4);
    void *block = aligned_alloc(NNF_ALIGNMENT, (size + 63) / 64 * 64);

    nnf_threads_force(true);
    nnf_predict(&net, kernels, theta, &data, outputs, 4, NULL, block);
    free(block);
    return 0;
}
"""

HOST = """
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

static int
n_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int n = -2; /* . and .. */

    for (; readdir(tasks) != NULL; n++) {
    }
    closedir(tasks);
    return n;
}

int
main(int argc, char **argv)
{
    for (int i = 0; i < 50 && argc == 2; i++) {
        void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        int (*predict)(void) = (int (*)(void))dlsym(library, "predict");

        predict();
        if (n_threads() < 2 || dlclose(library) != 0 ||
            dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD) != NULL) {
            return 1;
        }
    }
    /* One that was joined may still be listed. */
    for (int i = 0; i < 1000 && n_threads() > 1; i++) {
        usleep(10000);
    }
    printf("%d\\n", n_threads());
    return 0;
}
"""


@needs_elf
def test_a_library_with_the_core_in_it_can_be_unloaded(built, tmp_path):
    """Its threads are ended before their code goes."""
    library, host = tmp_path / "plugin.so", tmp_path / "host"
    strict = ["-std=gnu11", "-Wall", "-Werror", "-I", CSRC, "-fPIC"]
    shared = ["-shared", "-fvisibility=hidden", "-x", "c", "-", "-x", "none"]
    shared += core_objects(built)
    run(*CC, *strict, *shared, "-lm", "-pthread", "-o", library, source=PLUGIN)
    run(*CC, *strict, "-x", "c", "-", "-ldl", "-o", host, source=HOST)
    assert run(host, library) == "1\n"


def symbols(folder):
    """(object, name, section) of every symbol of the core; undefined ones: *UND*."""
    for path in core_objects(folder):
        for line in run("nm", "--format=sysv", path).splitlines():
            fields = [field.strip() for field in line.split("|")]
            if len(fields) == 7 and fields[0] != "Name":
                yield path.name, fields[0], fields[6]


@needs_elf
def test_the_core_keeps_nothing_but_threads_their_tasks_and_paces(built):
    mutable = re.compile(r"\.(data(?!\.rel\.ro)|bss|tdata|tbss)|\*COM\*")
    found = [symbol[:2] for symbol in symbols(built) if mutable.match(symbol[2])]
    assert sorted(found) == [
        ("paces.o", "paces"),
        ("system_posix.o", "forgets_in_children"),
        ("threads.o", "innermost"),  # one a thread
        ("threads.o", "pool"),
    ]


@needs_elf
def test_the_core_calls_nothing_but_memory_math_threads_and_a_clock(built):
    """So it allocates and prints nothing, reads no environment, ends no process."""
    found = list(symbols(built))
    own = {name for _, name, section in found if section != "*UND*"}
    allowed = re.compile(
        r"mem(cmp|cpy|move|set)|str(cmp|len)|(exp|log|log1p|pow|sqrt)f?"
        r"|pthread_\w+|sigfillset|clock_gettime"
        # What the compiler asks for: CPUID, the stack's guard, position independence.
        r"|__cpu_(model|indicator_init)|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_"
    )
    wanted = {name for _, name, _ in found} - own
    assert {name for name in wanted if not allowed.fullmatch(name)} == set()
