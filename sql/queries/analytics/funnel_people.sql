-- A part of funnel.sql: what people did as users, and what they registered as if that is to tell them apart.
-- Parameters: as there. Result: event_type, event_timestamp, event_id, person, registered_as ('' but where they did).
SELECT event_type, event_timestamp, event_id, user_id AS person,
    multiIf(
        event_type != 'user.registered', '',
        {breakdown:String} = 'role', role,
        {breakdown:String} = 'state', state,
        {breakdown:String} = 'city', city,
        '') AS registered_as
FROM daily_user_metrics
WHERE (event_type IN {steps:Array(String)}
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {horizon:DateTime64(3, 'UTC')})
    OR (event_type = 'user.registered' AND {breakdown:String} != '')
