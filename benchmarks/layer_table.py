"""The table of `cai bench layers`."""

from collections.abc import Mapping, Sequence
from typing import Any

from cai_keras.cli.output import print_table, say

PASSES = ("forward", "forward_backward")
COLUMNS = {
    "layer": "Layer",
    "case": "Case",
    "backend": "Backend",
    "alternative": "Against",
    "difference": "Difference",
    "forward": "Forward, speed [95 %]",
    "forward_backward": "Forward and backward",
    "addons": "tensorflow-addons*",
}


def cells(row: Mapping[str, Any]) -> dict[str, str]:
    """A row of the table."""
    found = {
        "layer": row["layer"],
        "case": row["case"],
        "backend": row["backend"] or "",
        "alternative": row["alternative"] or row["reason"],
        "difference": "",
        **dict.fromkeys((*PASSES, "addons"), ""),
    }
    if row["reason"] is not None:
        return found
    found["difference"] = f"{row['relative_difference']:.0e}"
    for which in PASSES:
        part = row["passes"][which]
        low, high = part["interval_95"]
        found[which] = (
            f"{part['milliseconds']['cai_keras']:.2f} ms, "
            f"{part['speed_over_alternative']:.2f} [{low:.2f}, {high:.2f}]"
        )
    if row["addons"] is not None:
        last = [which for which in PASSES if which in row["addons"]][-1]
        part = row["addons"][last]
        found["addons"] = (
            f"{part['milliseconds']:.2f} ms, {part['speed_across_processes']:.2f}"
        )
    return found


def print_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    """The table, and what its numbers mean."""
    print_table(COLUMNS, [cells(row) for row in rows])
    say("speed: above 1, the custom layer is faster than what it is compared with")
    named = [row["addons"] for row in rows if row["addons"]]
    if named:
        say(
            "* forward and backward, measured in another process on "
            f"{named[0]['cpu']}: our speed over it is across processes"
        )
