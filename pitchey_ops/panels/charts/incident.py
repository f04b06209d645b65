"""A whole incident as one picture: when it hurt, who was told, what was done, what the runs saw."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ...models.window import Window
from ...postmortem.response import Event
from ...postmortem.story import Story
from .. import style
from ..style import Marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LANES: Final[tuple[tuple[str, tuple[str, ...], str, str], ...]] = (
    ("changes", ("change",), "^", style.BLUE),
    ("alerts", ("alert", "declared"), "v", style.PURPLE),
    ("people", ("acknowledged", "note", "mitigated", "resolved", "other"), "s", style.GREEN),
    ("actions", ("action",), "D", style.ORANGE),
    ("findings", ("finding",), "P", style.SKY),
    ("runs", ("run", "recovery seen"), "o", style.VERMILION),
)
"""Name, kinds of events, marker and colour of each line of the picture, top first."""
EDGE = 0.06
"""Share of the span that is left free at either side."""
DRAWN_MOST = 400


def incident_chart(told: Story) -> bytes | None:
    """Return the picture of the incident as PNG; None when nothing of it is dated."""
    events = [event for event in told.response.events if event.kind != "onset"][:DRAWN_MOST]
    times = [event.at for event in events] + [at for at in (told.response.onset, told.response.ended) if at]
    if not times:
        return None
    window = _around(times)
    lanes = [lane for lane in LANES if any(event.kind in lane[1] for event in events)]

    def draw(figure: Figure, axes: Axes) -> None:
        axes.grid(visible=False)
        onset, ended = told.response.onset, told.response.ended
        if onset is not None:
            until = ended if ended is not None and ended > onset else window.end
            axes.axvspan(
                onset.timestamp(), until.timestamp(), facecolor="#fbe3d6", edgecolor="none", zorder=0.4, linewidth=0
            )
        for place, (_, kinds, marker, color) in enumerate(lanes):
            here = [event for event in events if event.kind in kinds]
            axes.plot(
                [event.at.timestamp() for event in here],
                [-place] * len(here),
                marker=marker,
                color=color,
                markersize=7,
                linestyle="none",
                zorder=5,
            )
        axes.set_ylim(-max(1, len(lanes)) + 0.4, 1.6)
        axes.set_yticks([-place for place in range(len(lanes))], [lane[0] for lane in lanes])
        axes.tick_params(axis="y", length=0)
        style.subject(axes, "the incident (shaded: from the onset to its end)")
        style.time_axis(axes, Marks(window=window), ticks=4)
        style.draw_marks(axes, Marks(window=window, onset=onset, onset_uncertainty_s=told.response.onset_uncertainty_s))
        if ended is not None:
            axes.axvline(ended.timestamp(), color=style.GREEN, linewidth=1.4, linestyle=(0, (5, 2)), zorder=3.5)
        style.place(figure, axes, left_in=0.95)

    return style.picture(1.7 + 0.36 * max(1, len(lanes)), draw)


def incident_alt(told: Story, events: Sequence[Event]) -> str:
    """Return the picture in words."""
    counts = [f"{sum(e.kind in kinds for e in events)} {name}" for name, kinds, _, _ in LANES]
    onset, ended = told.response.onset, told.response.ended
    began = "the onset is not known" if onset is None else f"it began at {onset:%d %b %H:%M:%S} UTC"
    end = "no end is on record" if ended is None else f"it ended at {ended:%d %b %H:%M} UTC"
    return f"Marks on a time line: {', '.join(counts)}; {began}, {end}."


def _around(times: Sequence[datetime]) -> Window:
    first, last = min(times), max(times)
    edge = max(timedelta(minutes=2), (last - first) * EDGE)
    return Window(start=first - edge, end=last + edge)
