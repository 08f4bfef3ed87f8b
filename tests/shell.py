# SPDX-License-Identifier: BSD-3-Clause
"""Commands that a test runs."""

import os
import shlex
import subprocess


def run(*command, source=None, cwd=None, **environment):
    """Output and errors of a command; an assertion that shows them when it fails."""
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
