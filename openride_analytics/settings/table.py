"""Every variable there is, in the order in which they are documented and decoded."""

from openride_analytics.settings import table_exports as exports
from openride_analytics.settings import table_mail as mail
from openride_analytics.settings import table_reports as reports
from openride_analytics.settings import table_servers as servers
from openride_analytics.settings import table_service as service
from openride_analytics.settings.variable import Variable

VARIABLES: tuple[Variable, ...] = (
    *service.APP,
    *servers.CLICKHOUSE,
    *servers.POSTGRES,
    *servers.KAFKA,
    *servers.REDIS,
    *service.INGEST,
    *service.RETENTION,
    *service.API,
    *exports.EXPORTS,
    *mail.MAIL,
    *reports.REPORTS,
    *service.AUTH,
    *service.OTEL,
)
