"""Draws a chart as a PNG, on the calling thread, without a screen. Loads matplotlib when it is first asked to."""

import io
import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openride_analytics.reports.drawing import Drawing, Series
from openride_analytics.reports.words import compact

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A mail shows it as wide as it is itself, 590 pixels or 320: so it is drawn for 380, with three times as many dots.
_WIDTH: Final = 380
_HEIGHT: Final = 190
_SCALE: Final = 3
_DPI: Final = 100
_POINTS: Final = 0.72  # of type, a pixel

# Not transparent, for it would have to be read on white and on black; it is a pale card on either.
_PAPER: Final = "#F4F6F9"
_INK: Final = "#36404D"
_RULE: Final = "#D5DAE1"
_COLORS: Final = ("#2B5C94", "#2E8B8B", "#CF8A1D", "#B23A3A")
_LABELS: Final = 7  # along the bottom, that none touches the next
_FEW: Final = 12  # points that are seen better one by one


def draw(drawing: Drawing) -> bytes:
    """A PNG, some 1,140 pixels wide. Some 0.1 s, and a second more the first time."""
    matplotlib = _matplotlib()
    from matplotlib.figure import Figure  # noqa: PLC0415 - not at the service's start

    with matplotlib.rc_context(
        {"font.family": ["DejaVu Sans"], "font.size": 11 * _POINTS, "text.color": _INK}
    ):
        figure = Figure(figsize=(_WIDTH / _DPI, _HEIGHT / _DPI), dpi=_DPI, facecolor=_PAPER)
        axes = figure.add_axes((0.115, 0.145, 0.84, 0.73 if len(drawing.series) > 1 else 0.81))
        _dress(axes)
        (_line if drawing.style == "line" else _columns)(axes, drawing)
        _scale(axes, drawing)
        target = io.BytesIO()
        figure.savefig(target, format="png", dpi=_DPI * _SCALE, facecolor=_PAPER)
    return target.getvalue()


def _matplotlib() -> Any:
    """The module, with its own defaults whatever files say, and its cache where nothing else is."""
    os.environ["MPLCONFIGDIR"] = str(_cache())
    import matplotlib as loaded  # noqa: PLC0415 - likewise

    loaded.rcdefaults()
    loaded.rcParams["backend"] = "agg"
    return loaded


def _cache() -> Path:
    """A folder that is ours alone: kept between starts, since a list of fonts takes its time; or a new one, should
    somebody else have made one of that name.
    """
    wanted = Path(tempfile.gettempdir()) / f"openride-matplotlib-{os.getuid()}"
    wanted.mkdir(mode=0o700, exist_ok=True)
    known = wanted.lstat()
    ours = wanted.is_dir() and not wanted.is_symlink() and known.st_uid == os.getuid()
    return (
        wanted
        if ours and not known.st_mode & 0o077
        else Path(tempfile.mkdtemp(prefix="openride-matplotlib-"))
    )


def _dress(axes: "Axes") -> None:
    axes.set_facecolor(_PAPER)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_RULE)
    axes.tick_params(length=0, colors=_INK, labelsize=10.5 * _POINTS)
    axes.grid(axis="y", color=_RULE, linewidth=0.6)
    axes.set_axisbelow(True)


def _line(axes: "Axes", drawing: Drawing) -> None:
    at = range(len(drawing.labels))
    for color, series in zip(_COLORS, drawing.series, strict=False):
        marker = "o" if len(at) <= _FEW else None
        axes.plot(
            at, series.values, color=color, linewidth=1.6, marker=marker, markersize=3.5, label=series.name
        )
    if len(drawing.series) == 1:
        axes.fill_between(at, drawing.series[0].values, color=_COLORS[0], alpha=0.12, linewidth=0)


def _columns(axes: "Axes", drawing: Drawing) -> None:
    at = range(len(drawing.labels))
    below = [0.0] * len(at)
    colors = _COLORS[:1] if len(drawing.series) == 1 else (_COLORS[1], _COLORS[3])
    for color, series in zip(colors, drawing.series, strict=False):
        axes.bar(at, series.values, bottom=below, color=color, width=0.68, label=series.name)
        below = [low + value for low, value in zip(below, series.values, strict=True)]


def _scale(axes: "Axes", drawing: Drawing) -> None:
    axes.set_ylim(bottom=min(0.0, *(min(series.values) for series in drawing.series)), top=_top(drawing))
    axes.yaxis.set_major_formatter(lambda value, _: compact(value))
    axes.locator_params(axis="y", nbins=5, integer=_top(drawing) >= 5)
    every = max(1, math.ceil(len(drawing.labels) / _LABELS))
    shown = range(0, len(drawing.labels), every)
    axes.set_xticks(list(shown), [drawing.labels[n] for n in shown])
    axes.set_xlim(-0.6, len(drawing.labels) - 0.4)
    if len(drawing.series) > 1:
        axes.legend(
            loc="lower left", bbox_to_anchor=(-0.12, 1.0), ncols=len(drawing.series), frameon=False,
            fontsize=10.5 * _POINTS, handlelength=1.1, handletextpad=0.5, columnspacing=1.4, borderpad=0.2,
        )  # fmt: skip


def _top(drawing: Drawing) -> float:
    return 1.08 * max(_highest(drawing.series, stacked=drawing.stacked), 1e-9)


def _highest(series: Sequence[Series], *, stacked: bool) -> float:
    if stacked:
        return max(map(sum, zip(*(one.values for one in series), strict=True)))
    return max(max(one.values) for one in series)
