"""A ClickHouse in which a client is bound to the rights of a user of deploy/clickhouse/users.xml.

The embedded engine has one user and asks for no name, but it has roles: each user's grants, as the file has them, are
one. `SET ROLE name` leaves a connection nothing else; before that it may do everything.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest

from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from tests.support.clickhouse import Database

DEPLOYED = Path(__file__).parents[2] / "deploy/clickhouse/users.xml"

USERS = """<clickhouse>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <roles><everything><grants><query>GRANT ALL ON *.*</query></grants></everything>{roles}</roles>
  <users>
    <default>
      <no_password/>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants><query>GRANT everything</query>{granted}</grants>
    </default>
  </users>
</clickhouse>
"""


def users() -> str:
    """The engine's users.xml."""
    roles, granted = "", ""
    for user in ElementTree.parse(DEPLOYED).iterfind("users/*[grants]"):
        grants = ElementTree.tostring(user.find("grants"), "unicode")  # type: ignore[arg-type]  # it has some
        roles += f"<{user.tag}>{grants}</{user.tag}>"
        granted += f"<query>GRANT {user.tag}</query>"
    return USERS.format(roles=roles, granted=granted)


@asynccontextmanager
async def guarded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """Where its database is, which has the name that deploy/ gives it."""
    (folder / "users.xml").write_text(users())
    (folder / "config.xml").write_text(
        f"<clickhouse><users_config>{folder / 'users.xml'}</users_config></clickhouse>"
    )
    with monkeypatch.context() as there:
        there.chdir(folder)  # where it is started, the engine reads its config.xml
        server = EmbeddedClickHouse(folder / "data")
        await server.start()
    try:
        yield Database("127.0.0.1", server.port, server.database)
    finally:
        await server.stop()
