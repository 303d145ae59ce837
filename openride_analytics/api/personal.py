"""Who may see what may tell who somebody is."""

from openride_analytics.access import Caller, Role
from openride_analytics.api.access import forbidden
from openride_analytics.exports.orders import personal_columns
from openride_analytics.schema.exports import ExportRequest


def may_see(caller: Caller, asked: ExportRequest) -> bool:
    """Whether columns that may tell who somebody is are for this caller. Raises what becomes a 403 for a request that
    names some if they are not."""
    if caller.role >= Role.ADMIN:
        return True
    if named := personal_columns(asked):
        raise forbidden(f"these columns are for admins: {', '.join(named)}; without them this role may ask")
    return False
