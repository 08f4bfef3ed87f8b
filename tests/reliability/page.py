# SPDX-License-Identifier: BSD-3-Clause
"""The table in docs/reliability.md: a row for each figure, in the same order."""

from .figures import FIGURES

BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->\n"
HEAD = "| figure | target | measured | command |\n| --- | --- | --- | --- |\n"


def rows(text: str) -> dict[str, str]:
    """What the page says was measured, by the name of the figure."""
    table = text.partition(BEGIN)[2].partition(END)[0].removeprefix(HEAD)
    found = {}
    for line in table.splitlines():
        _, _, measured, command = line.strip("| ").split(" | ")
        found[command.strip("`").rpartition(" ")[2]] = measured
    return found


def with_row(text: str, name: str, measured: str) -> str:
    """The page with what was measured of one figure."""
    before, _, rest = text.partition(BEGIN)
    known = rows(text) | {name: measured}
    table = "".join(
        f"| {figure.title} | {figure.target} | {known[each]} |"
        f" `python -m reliability {each}` |\n"
        for each, figure in FIGURES.items()
        if each in known
    )
    return before + BEGIN + HEAD + table + END + rest.partition(END)[2]
