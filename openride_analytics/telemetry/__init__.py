"""What the process says about itself: `logs` for people and log stores, `metrics` for Prometheus, `traces`."""

from openride_analytics.telemetry.logs import configure_logging
from openride_analytics.telemetry.metrics import CONTENT_TYPE, Metrics, cpu_time, render
from openride_analytics.telemetry.traces import Traces, open_traces

__all__ = [
    "CONTENT_TYPE",
    "Metrics",
    "Traces",
    "configure_logging",
    "cpu_time",
    "open_traces",
    "render",
]
