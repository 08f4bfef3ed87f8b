# SPDX-License-Identifier: BSD-3-Clause
"""The parts of ``benchmarks/tutorials.py``: one module per tutorial, T1 to T5.

Each of ``t1`` ... ``t5`` offers ``figures(quick=False)``, the facts of the tutorial as
a dict (no timing; ``quick=True`` trains nnfast only), ``TARGETS``, what these facts
must reach, and ``run(progress)``, the whole report with the peers beside nnfast.
"""
