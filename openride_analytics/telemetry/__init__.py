"""What the process says about itself: `logs` for people and log stores, `metrics` for Prometheus."""

from openride_analytics.telemetry.logs import configure_logging
from openride_analytics.telemetry.metrics import CONTENT_TYPE, Metrics, cpu_time, render

__all__ = ["CONTENT_TYPE", "Metrics", "configure_logging", "cpu_time", "render"]
