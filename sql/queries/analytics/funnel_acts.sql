-- A part of funnel.sql: what people did of another kind.
-- Parameters: as there. Put in by the reader: table and person, the column of who did it. Result: as of funnel_people.sql.
SELECT event_type, event_timestamp, event_id, {{person}} AS person, '' AS registered_as
FROM {{table}}
WHERE event_type IN {steps:Array(String)}
    AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {horizon:DateTime64(3, 'UTC')}
