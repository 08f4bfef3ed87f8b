# SPDX-License-Identifier: BSD-3-Clause
"""Random configurations through nnfast and scikit-learn, compared in full.

``configuration`` says what is drawn, ``data`` makes its arrays, ``record`` runs one
library over it, ``compare`` holds the two records against each other, with ``ties``
and ``deviations`` for what may differ. ``python -m differential`` in tests/ is the
long run; docs/differential.md describes it.
"""
