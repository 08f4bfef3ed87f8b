# SPDX-License-Identifier: BSD-3-Clause
"""The parts of ``benchmarks/speed.py``: what is measured, on what, and how.

``shapes`` says which networks, ``peers`` how each library trains them, ``worker``
runs one library in a process of its own, ``timing`` takes the workers in turns,
``machine`` measures what the hardware can do, ``results`` keeps the numbers, and
``tables``, ``held_back``, ``cliffs``, ``plots`` and ``document`` show them.
"""
