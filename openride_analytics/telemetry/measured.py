"""A gauge without labels that says nothing until somebody has measured it, and nothing once it is not known any more.

Prometheus' own says 0 from the start: of a process that does not measure, that would be a lie.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily


class Measured:
    """`set` it as any gauge; None: not known."""

    def __init__(self, name: str, about: str, registry: CollectorRegistry) -> None:
        self._name = name
        self._about = about
        self._value: float | None = None
        registry.register(self)

    def set(self, value: float | None) -> None:
        self._value = value

    def collect(self) -> Iterator[Metric]:
        """What the registry asks for."""
        family = GaugeMetricFamily(self._name, self._about)
        if self._value is not None:
            family.add_metric([], self._value)
        yield family
