-- A part of funnel.sql: where drivers were. events_raw keeps that longer than location_events does.
-- Parameters: as there. Result: as of funnel_people.sql.
SELECT event_type, event_timestamp, event_id, toUUIDOrZero(entity_id) AS person, '' AS registered_as
FROM events_raw
WHERE event_type IN {steps:Array(String)} AND event_type = 'driver.location.updated'
    AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {horizon:DateTime64(3, 'UTC')}
