"""What the service says of itself."""

import msgspec


class Service(msgspec.Struct, frozen=True):
    """Who answers. `links` are paths on this host."""

    name: str
    version: str
    links: dict[str, str]
