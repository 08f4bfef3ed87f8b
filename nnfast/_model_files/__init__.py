# SPDX-License-Identifier: BSD-3-Clause
"""Model files: ``file`` writes and opens them, by way of what stands beside it.

From the outside in: ``atomic`` (a file is replaced at once), ``safetensors`` (its
layout), ``contents`` (an estimator in it), then the parts of one: ``network``,
``parameters``, ``training``, ``labels``, made of ``values``.
"""
