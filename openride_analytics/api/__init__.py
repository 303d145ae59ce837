"""HTTP: questions in, numbers and problems out. The only part of the package that knows of it.

`server` is the actor that listens; `application` says which resources there are, each a module of
`controllers`; `envelope` does what holds for every request; `problems` is the one table of errors; `health`
says whether this process can do its work.
"""

from openride_analytics.api.dependencies import Api, PartitionStatus, Resources
from openride_analytics.api.health import Health
from openride_analytics.api.server import HttpServer

__all__ = ["Api", "Health", "HttpServer", "PartitionStatus", "Resources"]
