"""Build nnfast._core: what pyproject.toml cannot say.

The kernels are one C source, compiled once per instruction set and real type;
nnfast picks one of them when it is imported, so a wheel never depends on the CPU
that built it. The rest of csrc/ is compiled once, for any CPU of the kind.

Environment: CC names the compiler (gcc or clang); NNFAST_WERROR=1 turns warnings
on and makes them errors; NNFAST_SANITIZE=1 builds with ASan and UBSan.
"""

import hashlib
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from sysconfig import get_path
from typing import NamedTuple

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.modified import newer_group

# Beside the baseline, by the macro with which a compiler names its target.
ISAS = {
    "__x86_64__": {
        "avx2": ["-mavx2", "-mfma"],
        "avx512": [
            *("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"),
            *("-mavx2", "-mfma", "-mprefer-vector-width=512"),
        ],
    },
    "__aarch64__": {"neon": []},
}

# These follow the interpreter's own flags, so that -O2 and -g0 win over them.
COMMON = ["-fvisibility=hidden", "-pthread"]
if os.environ.get("NNFAST_SANITIZE") == "1":
    SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    COMMON += ["-O1", "-g", "-UNDEBUG", "-fno-omit-frame-pointer", *SANITIZE]
else:
    SANITIZE = []
    COMMON += ["-O2", "-g0"]
if os.environ.get("NNFAST_WERROR") == "1":
    COMMON += ["-Werror", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wundef"]
    COMMON += ["-Wvla", "-Wstrict-prototypes", "-Wmissing-prototypes"]

# The harmless parts of -ffast-math, and no word on how 64-byte vectors are passed:
# none leaves its file.
KERNEL = ["-std=gnu11", "-ffp-contract=fast", "-fno-math-errno"]
KERNEL += ["-fno-trapping-math", "-Wno-psabi"]


class Unit(NamedTuple):
    """One compilation of one source; the same source may have several."""

    name: str
    source: str
    macros: list[tuple[str, str]]
    flags: list[str]


def core_units(compiler: list[str]) -> list[Unit]:
    """Every compilation of the core that the compiler's target wants."""
    # The query fails for two targets at once (macOS universal): baseline only.
    query = [*compiler, "-dM", "-E", "-x", "c", os.devnull]
    target = subprocess.run(query, capture_output=True, text=True).stdout
    isas = {"base": []}
    for macro, more in ISAS.items():
        if f"#define {macro} 1" in target:
            isas |= more

    if "neon" in isas:
        del isas["base"]  # the same on AArch64; the dispatcher knows

    # The kernels come first: they take longest, and all cores should end together.
    units = []
    for isa, flags in reversed(isas.items()):
        for real, double in [("float", []), ("double", [("NNF_DOUBLE", "1")])]:
            units.append(
                Unit(
                    f"{isa}-{real}",
                    "csrc/kernels/kernels.c",
                    [("NNF_ISA", isa), *double],
                    [*KERNEL, *COMMON, *flags],
                )
            )
    have = [(f"NNF_HAVE_{isa.upper()}", "1") for isa in isas if isa != "base"]
    for source in sorted(glob("csrc/*.c")):
        units.append(Unit("core", source, have, ["-std=c11", *COMMON]))
    return units


class build_core(build_ext):
    """Compile the core in parallel, then let setuptools build the binding on it."""

    def build_extension(self, ext):
        if self.compiler.compiler_type == "msvc":
            raise SystemExit(
                "nnfast: MSVC cannot compile GNU vector extensions, which the kernels "
                "are written in; build with MinGW-w64 (setup.cfg: [build] "
                "compiler=mingw32) or with LLVM's clang in its gcc mode"
            )
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            units = core_units(self.compiler.compiler_so)
            ext.extra_objects = list(pool.map(self.compile_unit, units))
        self.force = True  # the binding takes two seconds: no guess whether it changed
        super().build_extension(ext)

    def compile_unit(self, unit):
        """The unit's object; an earlier one if nothing that it rests on changed."""
        command = repr([self.compiler.compiler_so, unit.macros, unit.flags])
        digest = hashlib.sha256(command.encode()).hexdigest()[:12]
        folder = os.path.join(self.build_temp, f"{unit.name}-{digest}")
        (obj,) = self.compiler.object_filenames([unit.source], output_dir=folder)
        headers = glob("csrc/*.h") + glob("csrc/kernels/*.h")
        if self.force or newer_group([unit.source, *headers], obj):
            self.compiler.compile(
                [unit.source],
                output_dir=folder,
                macros=unit.macros,
                extra_postargs=unit.flags,
            )
        return obj


class build_py_and_pth(build_py):
    """Put nnfast.pth, which an interpreter reads when it starts, beside the package."""

    def run(self):
        super().run()
        # Of an editable install only what is in the folder of the wheel is installed.
        install = self.get_finalized_command("install")
        root = install.install_lib if self.editable_mode else self.build_lib
        self.copy_file("nnfast.pth", root)


if __name__ == "__main__":
    import numpy

    # System headers, so that our warnings stop at their border.
    system = ["-isystem", get_path("include"), "-isystem", numpy.get_include()]
    core = Extension(
        "nnfast._core",
        sources=sorted(glob("csrc/py/*.c")),
        include_dirs=["csrc"],
        extra_compile_args=["-std=c11", *COMMON, *system],
        extra_link_args=["-pthread", *SANITIZE],
        libraries=[] if os.name == "nt" else ["m"],
    )
    setup(
        ext_modules=[core],
        cmdclass={"build_ext": build_core, "build_py": build_py_and_pth},
    )
