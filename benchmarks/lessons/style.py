# SPDX-License-Identifier: BSD-3-Clause
"""How every picture looks, decided once: colours, markers, lines, sizes.

Colours are Okabe and Ito's (2008), which colour-blind readers can tell apart; every
colour comes with a marker and a line style of its own, so that none rests on hue.
"""

from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from .compare import LOGISTIC, LOOP, NNFAST, NNFAST32, SKLEARN

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"

SERIES = (
    {"color": BLUE, "linestyle": "-", "marker": "o"},
    {"color": VERMILION, "linestyle": "--", "marker": "s"},
    {"color": GREEN, "linestyle": "-.", "marker": "^"},
    {"color": PURPLE, "linestyle": ":", "marker": "D"},
    {"color": ORANGE, "linestyle": (0, (5, 1, 1, 1)), "marker": "v"},
    {"color": SKY, "linestyle": (0, (8, 2)), "marker": "P"},
    {"color": BLACK, "linestyle": (0, (1, 2)), "marker": "X"},
)

PEERS = {
    SKLEARN: {"color": VERMILION, "marker": "s"},
    LOOP: {"color": ORANGE, "marker": "D"},
    LOGISTIC: {"color": PURPLE, "marker": "^"},
    NNFAST: {"color": BLUE, "marker": "o"},
    NNFAST32: {"color": SKY, "marker": "P"},
}

SETTINGS = {
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "savefig.dpi": 150,
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "legend.frameon": False,
}


def apply() -> None:
    """Use this style, and draw to files only."""
    mpl.use("Agg")
    mpl.rcParams.update(SETTINGS)


def panels(rows: int, columns: int, width: float, height: float) -> tuple[Figure, list]:
    """A figure and its axes in reading order; sizes in inches."""
    figure, axes = plt.subplots(
        rows, columns, figsize=(width, height), squeeze=False, sharex=False
    )
    return figure, list(axes.flat)


def draw_lines(axes: Axes, lines: dict[str, tuple[Any, Any]]) -> None:
    """Lines with names, x and y; markers evenly along each, apart from each other."""
    for i, (look, (name, (x, y))) in enumerate(zip(SERIES, lines.items())):
        axes.plot(x, y, label=name, markevery=(0.03 * i, 0.16), **look)


def plain_numbers(axis: Axis, few: bool = False) -> None:
    """Labels such as 0.01, 0.1, 1 on a logarithmic axis; 0.2 and 0.5 too where few."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
