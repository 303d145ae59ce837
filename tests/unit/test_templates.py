"""Splitting scripts and rendering templates; no server."""

import re

import pytest

from openride_analytics.errors import Fatal
from openride_analytics.store.migration_files import Applied, Migration, ordered, pending, read
from openride_analytics.store.templates import Target, render, retentions, split, tables, views

SINGLE = Target("rides", None, {"metrics": 90, "location": 30, "aggregates": 730})
CLUSTER = Target("rides", "main", SINGLE.days)


@pytest.mark.parametrize(
    ("script", "statements"),
    [
        ("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';'; SELECT 2", ["SELECT ';'", "SELECT 2"]),
        (r"SELECT 'it\'s;' ; SELECT 'a'';b'", [r"SELECT 'it\'s;'", "SELECT 'a'';b'"]),
        ('SELECT ";" AS `a;b`; SELECT 2', ['SELECT ";" AS `a;b`', "SELECT 2"]),
        ("SELECT 1 -- a; comment's\n; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("SELECT /* ; ' */ 1; -- the end", ["SELECT   1"]),
        ("SELECT '--;'; SELECT 5 - -3 / 2", ["SELECT '--;'", "SELECT 5 - -3 / 2"]),
        ("DO $$ BEGIN a; b; END $$; SELECT $x$;'$x$", ["DO $$ BEGIN a; b; END $$", "SELECT $x$;'$x$"]),
        ("SELECT $1; SELECT 2", ["SELECT $1", "SELECT 2"]),
        (";;\n ;", []),
    ],
)
def test_statements_end_at_semicolons_outside_strings_and_comments(
    script: str, statements: list[str]
) -> None:
    assert split(script) == statements


@pytest.mark.parametrize("script", ["SELECT 'a;", "SELECT 1; /* never", 'SELECT "'])
def test_what_never_ends_is_refused(script: str) -> None:
    with pytest.raises(Fatal, match="never closed"):
        split(script)


@pytest.mark.parametrize("template", ["SELECT {{databse}}", "TTL x + {{ttl:forever}}"])
def test_an_unknown_placeholder_is_refused(template: str) -> None:
    with pytest.raises(Fatal, match="unknown"):
        render(template, SINGLE)


def test_every_statement_may_be_repeated() -> None:
    once = [
        statement
        for migration in read("clickhouse")
        for statement in render(migration.template, SINGLE)
        # What is filled twice counts its events twice, and answers as before.
        if not re.search(
            r"\bIF (NOT )?EXISTS\b|\bMODIFY (SETTING|COLUMN|QUERY)\b|\bMATERIALIZE PROJECTION\b|^INSERT INTO \S+\.agg_",
            statement,
        )
    ]
    assert once == []


@pytest.mark.parametrize("target", [SINGLE, CLUSTER])
def test_no_placeholder_is_left(target: Target) -> None:
    statements = [s for migration in read("clickhouse") for s in render(migration.template, target)]
    assert not [s for s in statements if "{{" in s or "}}" in s]


def test_a_cluster_runs_every_statement_on_all_servers() -> None:
    statements = [s for migration in read("clickhouse") for s in render(migration.template, CLUSTER)]
    everywhere = re.compile("ON CLUSTER 'main'|parallel_distributed_insert_select = 2")
    assert not [s for s in statements if not everywhere.search(s)]


def test_a_cluster_replicates_every_table_that_keeps_rows() -> None:
    engines = [
        match[1]
        for migration in read("clickhouse")
        for s in render(migration.template, CLUSTER)
        if (match := re.search(r"ENGINE = (\S+)", s)) and "MergeTree" in match[1]
    ]
    assert [e for e in engines if not e.startswith("Replicated")] == []


def test_a_cluster_keeps_its_windows_for_a_week() -> None:
    kept = [
        s
        for migration in read("clickhouse")
        for s in render(migration.template, CLUSTER)
        if "ENGINE = Replicated" in s
    ]
    wanted = "replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800"
    assert kept
    assert not [s for s in kept if wanted not in s or "non_replicated" in s]


def test_a_cluster_reads_each_table_through_a_distributed_one() -> None:
    template = "".join(migration.template for migration in read("clickhouse"))
    statements = render(template, CLUSTER)
    distributed = {
        m[1] for s in statements if (m := re.search(r"rides\.(\w+) ON CLUSTER 'main' AS rides", s))
    }
    assert distributed == set(tables(template))


def test_a_cluster_sends_a_partition_always_to_the_same_shard() -> None:
    statements = [s for s in render(read("clickhouse")[0].template, CLUSTER) if "Distributed(" in s]
    assert len([s for s in statements if "cityHash64(kafka_topic, kafka_partition)" in s]) == 6


def test_views_of_a_cluster_read_and_write_local_tables() -> None:
    made = [
        s
        for migration in read("clickhouse")
        for s in render(migration.template, CLUSTER)
        if "MATERIALIZED VIEW" in s
    ]
    wrong = [
        s for s in made if not re.search(r"TO rides\.\w+_local AS.*FROM rides\.landing_\w+_local", s, re.S)
    ]
    assert made
    assert wrong == []


def test_each_contracted_view_is_made() -> None:
    names = {
        "mv_daily_user_metrics",
        "mv_daily_booking_metrics",
        "mv_daily_payment_metrics",
        "mv_daily_trip_metrics",
        "mv_hourly_realtime_metrics",
    }
    assert names <= {view for migration in read("clickhouse") for view in views(migration.template)}


def test_users_and_routes_do_not_expire() -> None:
    kept = {r.table for m in read("clickhouse") for r in retentions(m.template, SINGLE)}
    everything = {t for m in read("clickhouse") for t in tables(m.template) if not t.startswith("landing_")}
    assert everything - kept == {"daily_user_metrics", "route_history"}


ONE, TWO = Migration.of("0001_one.sql", "SELECT 1"), Migration.of("0002_two.sql", "SELECT 2")


def _done(migration: Migration) -> Applied:
    return Applied(migration.version, migration.name, migration.checksum)


def test_what_is_not_recorded_is_pending_in_order() -> None:
    assert pending([TWO, ONE], []) == [ONE, TWO]


def test_what_is_recorded_is_not_pending() -> None:
    assert pending([ONE, TWO], [_done(ONE)]) == [TWO]


def test_what_a_newer_version_has_applied_is_none_of_ours() -> None:
    assert pending([ONE], [_done(ONE), _done(TWO)]) == []


@pytest.mark.parametrize(
    ("files", "applied", "says"),
    [
        ([Migration.of("0001_one.sql", "SELECT 0")], [ONE], "0001_one.sql was edited"),
        ([TWO], [ONE, TWO], "0001_one.sql is applied, but its file is missing"),
        (
            [Migration.of("0001_uno.sql", "SELECT 1")],
            [ONE],
            "0001_uno.sql was applied under the name 0001_one",
        ),
        ([ONE, TWO], [TWO], "0001_one.sql comes before 0002_two.sql"),
    ],
)
def test_a_history_that_was_changed_is_refused(
    files: list[Migration], applied: list[Migration], says: str
) -> None:
    with pytest.raises(Fatal, match=re.escape(says)):
        pending(files, [_done(migration) for migration in applied])


def test_two_files_with_one_number_are_refused() -> None:
    with pytest.raises(Fatal, match="same number"):
        ordered([ONE, Migration.of("0001_uno.sql", "SELECT 1")])


def test_line_ends_are_no_edit() -> None:
    assert Migration.of("0001_a.sql", "a\r\nb").checksum == Migration.of("0001_a.sql", "a\nb").checksum
