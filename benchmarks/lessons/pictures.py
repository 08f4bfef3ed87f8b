# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of the whole run: all loss curves, and the seconds of every peer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import compare, style
from .report import Progress, Report, show

SUMMARY_ROWS = {
    "T1": "T1 breast cancer",
    "T2": "T2 XOR",
    "T3": "T3 disc and ring",
    "T4": "T4 test score",
    "T5": "T5 weather",
    "digits": "digits 64-100-10",
}


def loss_curves(reports: Sequence[Report]) -> Any:
    """Training loss of each tutorial, one panel each."""
    curves = {name: c for report in reports for name, c in report.curves.items()}
    n_columns = min(3, len(curves))
    n_rows = -(-len(curves) // n_columns)
    figure, axes = style.panels(n_rows, n_columns, 3.4 * n_columns, 2.6 * n_rows)
    for ax, (name, curve) in zip(axes, curves.items()):
        ax.plot(range(1, len(curve) + 1), curve, color=style.BLUE)
        ax.set(xscale="log", yscale="log", xlabel="epoch")
        ax.set_title(f"{name}  {SUMMARY_ROWS[name][3:]}")
        style.plain_numbers(ax.xaxis)
        style.plain_numbers(ax.yaxis, few=max(curve) < 30 * min(curve))
    axes[0].set_ylabel("training loss")
    for ax in axes[len(curves) :]:
        ax.set_visible(False)
    return figure


def summary(reports: Sequence[Report], machine: str) -> Any:
    """Seconds of every peer on every task, and how many times faster nnfast is."""
    rows = {name: s for report in reports for name, s in report.seconds.items()}
    figure, (ax,) = style.panels(1, 1, 8, 1.4 + 0.48 * len(rows))
    for y, seconds in enumerate(rows.values()):
        shown = {name: s for name, s in seconds.items() if name in style.PEERS}
        ax.hlines(y, min(shown.values()), max(shown.values()), "#BBBBBB", zorder=1)
        times = seconds[compare.SKLEARN] / seconds[compare.NNFAST]
        ax.annotate(
            show(times, "times"),
            (1.02, y),
            xycoords=("axes fraction", "data"),
            va="center",
            fontweight="bold",
        )
    for name, look in style.PEERS.items():
        points = [(s[name], y) for y, s in enumerate(rows.values()) if name in s]
        if points:
            ax.scatter(*zip(*points), s=52, label=name, zorder=2, **look)
    ax.set(
        xscale="log",
        xlabel=f"CPU seconds to train, one thread (less is better)\n{machine}",
    )
    ax.set_yticks(range(len(rows)), [SUMMARY_ROWS[name] for name in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    style.plain_numbers(ax.xaxis)
    ax.set_title("The same task with the same or the nearest settings")
    ax.annotate(
        "faster than sklearn\n(both float64)",
        (1.02, 1.02),
        xycoords="axes fraction",
        fontsize=9,
    )
    figure.legend(loc="outside lower center", ncols=5, fontsize=9, handletextpad=0.2)
    return figure


def save(
    reports: Sequence[Report], machine: str, folder: Path, progress: Progress
) -> list[Path]:
    """Draw every picture of the run as PNG; the summary names the machine."""
    style.apply()
    from matplotlib import pyplot as plt

    makers = dict(item for report in reports for item in report.pictures.items())
    makers["loss_curves.png"] = lambda: loss_curves(reports)
    makers["summary.png"] = lambda: summary(reports, machine)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, make in makers.items():
        progress(f"drawing {name}")
        figure = make()
        figure.savefig(folder / name)
        plt.close(figure)
        paths.append(folder / name)
    return paths
