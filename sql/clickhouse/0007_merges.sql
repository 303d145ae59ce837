-- Merges took half of ClickHouse's time in a backlog. What holds every event is rewritten less often: ten parts are
-- merged into one instead of five, so twice as many may lie side by side. Nobody waits for an answer from these tables;
-- the aggregates, from which dashboards are answered, stay at the default.

ALTER TABLE {{local:events_raw}} {{on_cluster}} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE {{local:recent_event_ids}} {{on_cluster}} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE {{local:user_events}} {{on_cluster}} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE {{local:booking_events}} {{on_cluster}} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE {{local:payment_events}} {{on_cluster}} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE {{local:trip_events}} {{on_cluster}} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE {{local:route_events}} {{on_cluster}} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE {{local:location_events}} {{on_cluster}} MODIFY SETTING merge_selector_base = 10;
