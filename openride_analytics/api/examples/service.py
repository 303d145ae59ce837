"""Examples of what the service says of itself."""

from typing import Final

from openride_analytics.api.health import Alive, Check, Report
from openride_analytics.api.service import Service
from openride_analytics.schema.results import SystemHealth

SERVICE: Final = Service(
    name="openride-analytics-service",
    version="0.1.0",
    links={"health": "/health", "bookings": "/v1/metrics/bookings", "docs": "/schema"},
)

ALIVE: Final = Alive()

REPORT: Final = Report(
    status=SystemHealth.DEGRADED,
    checks=[
        Check("clickhouse", "ok", 7.3, True, "version 26.9.2.1"),
        Check("redis", "down", 2000.0, False, "does not answer"),
        Check("partitions", "ok", None, False, "18 running"),
    ],
)

METRICS: Final = """\
# HELP openride_http_requests_total Requests answered.
# TYPE openride_http_requests_total counter
openride_http_requests_total{method="GET",route="/v1/metrics/bookings",status="200"} 1027.0
"""

PAGE: Final = "<!doctype html>..."

DOCUMENT: Final = {
    "openapi": "3.1.0",
    "info": {"title": "OpenRide Analytics", "version": "0.1.0"},
    "paths": {},
}
