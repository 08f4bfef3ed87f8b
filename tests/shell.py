# SPDX-License-Identifier: BSD-3-Clause
"""Commands that a test runs."""

import os
import shlex
import subprocess


def run(*command, source=None, cwd="/", **environment):
    """Output and errors of a command; an assertion that shows them when it fails.

    Away from this folder, where Python would find nnfast's sources first.
    """
    done = subprocess.run(
        command,
        input=source,
        cwd=cwd,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, f"{shlex.join(map(str, command))}\n{done.stdout}"
    return done.stdout
