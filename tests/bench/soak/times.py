"""How long, and how often."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Times:
    """Seconds: of the whole run; from one sample, export, report to the next."""

    whole: float
    sample: float = 10.0
    export: float = 60.0
    report: float = 180.0
