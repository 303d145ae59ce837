"""The metrics as README.md shows them."""

from typing import Final

from openride_analytics.errors import Invalid
from openride_analytics.telemetry.metrics import Metrics

BEGIN: Final = "<!-- metrics -->"
END: Final = "<!-- /metrics -->"


def markdown() -> str:
    """The metrics as a Markdown table."""
    rows = ["| Metric | Type | Labels | Meaning |", "|---|---|---|---|"]
    for metric in Metrics().table:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        rows.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.about} |")
    return "\n".join(rows) + "\n"


def with_table(text: str) -> str:
    """A Markdown text with the table between its two markers. Raises Invalid if it has no markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise Invalid("markers", "the text has no place for the table", f"{BEGIN} and, after it, {END}")
    return f"{before}{BEGIN}\n\n{markdown()}\n{END}{after}"
