"""Who calls, and what they may do: tokens and the keys they are signed with. Knows nothing of HTTP servers.

`tokens` verifies and mints; `keys` fetches the public keys of whoever signs elsewhere; `roles` orders the roles.
"""

from openride_analytics.access.roles import ANYONE, Caller, Role
from openride_analytics.access.tokens import Refused, Tokens, mint

__all__ = ["ANYONE", "Caller", "Refused", "Role", "Tokens", "mint"]
