"""What the samples say: a table, and a graph."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench.figures import quantile
from tests.bench.soak.samples import SERIES, Sample, Series, column, fit

INCHES = (9.0, 11.0)
SALT = "soak"  # of the ids in the file: the same samples are the same bytes


def table(samples: Sequence[Sample]) -> str:
    """A line a series: first, median and highest value, what the fitted line gains, and what that means."""
    rows: list[tuple[str, ...]] = [("", "first", "median", "most", "an hour", "")]
    rows += [_row(samples, series) for series in SERIES]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            [
                f"{row[0]:<{widths[0]}}",
                *(f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    )


def _row(samples: Sequence[Sample], series: Series) -> tuple[str, ...]:
    _, values = column(samples, series)
    found = fit(samples, series)
    if not values:
        return (f"{series.name} ({series.unit})", "", "", "", "", "nothing seen")
    numbers = [f"{number:,.0f}" for number in (values[0], quantile(values, 0.5), max(values))]
    if found is None:
        return (f"{series.name} ({series.unit})", *numbers, "", "too few samples")
    return (f"{series.name} ({series.unit})", *numbers, f"{found.per_hour:+,.1f}", found.trend)


def draw(samples: Sequence[Sample], title: str, file: Path) -> None:
    """An SVG: a panel for each series, with its fitted line."""
    os.environ.setdefault("MPLCONFIGDIR", tempfile.gettempdir())
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": SALT, "font.size": 9}):
        figure = Figure(figsize=INCHES, layout="constrained")
        figure.suptitle(title)
        panels = figure.subplots(len(SERIES), 1, sharex=True)
        for panel, series in zip(panels, SERIES, strict=True):
            at, values = column(samples, series)
            panel.plot([seconds / 60 for seconds in at], values, linewidth=1)
            if found := fit(samples, series):
                ends = (found.begin, at[-1])
                line = [found.at_begin + found.per_hour * (end - found.begin) / 3600 for end in ends]
                panel.plot([end / 60 for end in ends], line, linestyle="--", linewidth=1)
            panel.set_title(f"{series.name} ({series.unit})", loc="left")
            panel.set_ylim(0, 1.1 * max([*values, 1.0]))
            panel.grid(alpha=0.3)
        panels[-1].set_xlabel("minutes")
        figure.savefig(file, format="svg", metadata={"Date": None})
