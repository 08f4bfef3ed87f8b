# SPDX-License-Identifier: BSD-3-Clause
"""Three pictures: time over the limit, ratio to each peer, scaling by threads."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lessons import style
from lessons.report import show

from .peers import LIBRARIES, OURS, is_peer
from .results import Results
from .shapes import Shape

LOOKS = dict(zip([OURS, *filter(is_peer, LIBRARIES)], style.SERIES))

# The sweeps, and what is on the horizontal axis of each.
AXES: dict[str, tuple[str, Callable[[Shape], int]]] = {
    "width": ("width w of 64-w-w-10, batch 200", lambda shape: shape.hidden[0]),
    "batch": ("batch of 64-100-10", lambda shape: shape.batch),
    "depth": ("hidden layers of 64, batch 128", lambda shape: len(shape.hidden)),
}


def by_size(results: Results) -> Any:
    """Time over the limit along each sweep; over nothing less than 1 can be."""
    sections = [name for name in AXES if results.select(section=name)]
    if not sections or results.peak("float32") is None:
        return None
    figure, axes = style.panels(1, len(sections), max(6.4, 3.6 * len(sections)), 3.8)
    for ax, section in zip(axes, sections):
        label, size = AXES[section]
        for library, look in LOOKS.items():
            points = sorted(
                (size(m.shape), m.seconds / m.shape.limit(results.peak(m.dtype)))
                for m in results.select(section=section, library=library)
            )
            if points:
                ax.plot(*zip(*points), label=library, **look)
        ax.axhline(1, color=style.BLACK, linewidth=1)
        ax.set(yscale="log", xlabel=label)
        if section != "depth":
            ax.set_xscale("log")
            style.plain_numbers(ax.xaxis)
        style.plain_numbers(ax.yaxis)
    highest = max(ax.get_ylim()[1] for ax in axes)
    for ax in axes:
        ax.set_ylim(0.8, highest)
    axes[0].set_ylabel("time of a step / limit")
    figure.suptitle(
        "Time relative to the multiply-adds at the machine's peak, float32, 1 thread",
        x=0.01,
        ha="left",
        fontsize=10,
    )
    _legend(figure, axes)
    return figure


def by_peer(results: Results) -> Any:
    """How many times nnfast's time each peer takes, for every shape of the table."""
    chosen = results.select(section="table", dtype="float32")
    shapes = list(dict.fromkeys(m.shape for m in chosen))
    least = [
        results.seconds(section="table", dtype="float32", shape=shape)
        for shape in shapes
    ]
    peers = [name for name in LOOKS if name != OURS and any(name in s for s in least)]
    if not peers or not all(OURS in seconds for seconds in least):
        return None
    figure, (ax,) = style.panels(1, 1, 8, 1.4 + 0.36 * len(shapes))
    for name in peers:
        points = [(s[name] / s[OURS], y) for y, s in enumerate(least) if name in s]
        look = {key: LOOKS[name][key] for key in ("color", "marker")}
        ax.scatter(*zip(*points), s=44, label=name, zorder=2, **look)
    for y, seconds in enumerate(least):
        fastest = min(seconds[name] for name in peers if name in seconds)
        ax.annotate(
            show(fastest / seconds[OURS], "times"),
            (1.02, y),
            xycoords=("axes fraction", "data"),
            va="center",
            fontweight="bold",
        )
    ax.axvline(1, color=style.BLACK, linewidth=1)
    ax.annotate("fastest peer", (1.02, 1.02), xycoords="axes fraction", fontsize=9)
    ax.set(xscale="log", xlabel=f"time / nnfast's time\n{results.environment['CPU']}")
    ax.set_yticks(range(len(shapes)), list(map(str, shapes)))
    ax.set_ylim(len(shapes) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    style.plain_numbers(ax.xaxis, few=True)
    ax.set_title("A training step of each library, float32, 1 thread")
    _legend(figure, [ax])
    return figure


def by_threads(results: Results) -> Any:
    """How many times as fast each library gets with more threads, and the processor."""
    chosen = results.select(section="threads")
    shapes = list(dict.fromkeys(m.shape for m in chosen))
    counts = sorted({m.threads for m in chosen})
    if len(counts) < 2:
        return None
    figure, axes = style.panels(1, len(shapes), max(6.4, 3.2 * len(shapes)), 3.8)
    peaks = {n: results.peak("float32", n) for n in counts}
    for ax, shape in zip(axes, shapes):
        for library, look in LOOKS.items():
            found = results.select(section="threads", shape=shape, library=library)
            seconds = {m.threads: m.seconds for m in found}
            _speedups(ax, seconds, label=library, **look)
        slowness = {n: 1 / peak for n, peak in peaks.items() if peak}
        _speedups(ax, slowness, label="peak", color=style.BLACK, linewidth=1)
        ax.set(xlabel="threads", title=str(shape), xticks=counts)
    highest = max(ax.get_ylim()[1] for ax in axes)
    for ax in axes:
        ax.set_ylim(0, highest)
    axes[0].set_ylabel("times as fast as the same library\nwith one thread")
    _legend(figure, axes)
    return figure


def _speedups(ax: Any, seconds: dict[int, float], **look: Any) -> None:
    """A line from 1 on."""
    if 1 in seconds:
        points = [(n, seconds[1] / seconds[n]) for n in sorted(seconds)]
        ax.plot(*zip(*points), **look)


def _legend(figure: Any, axes: list[Any]) -> None:
    """One for all panels: every name once."""
    named = {
        label: handle
        for ax in axes
        for handle, label in zip(*ax.get_legend_handles_labels())
    }
    figure.legend(
        list(named.values()), list(named), loc="outside lower center", ncols=6
    )


PICTURES = {
    "speed-limit.png": by_size,
    "speed-peers.png": by_peer,
    "speed-threads.png": by_threads,
}


def save(results: Results, folder: Path) -> list[Path]:
    """Draw those that there are numbers for."""
    style.apply()
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, draw in PICTURES.items():
        figure = draw(results)
        if figure is not None:
            figure.savefig(folder / name, dpi=100)
            plt.close(figure)
            paths.append(folder / name)
    return paths
