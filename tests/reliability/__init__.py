# SPDX-License-Identifier: BSD-3-Clause
"""The figures of docs/reliability.md, each measured by a function of its own.

``python -m reliability`` in tests/ measures them and writes them into the page;
``figures`` is the table of them, and a new figure is a new row there.
"""
