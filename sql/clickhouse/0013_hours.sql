-- Before an answer that was kept is given again, how many events are stored of what it reads is looked up
-- (queries/metrics/stored.sql), and beside each that is computed: from hours, a twenty-fifth of the rows by minute.
--
-- Merges of minutes make the hours again. Parts that were stored before get theirs in the background.

ALTER TABLE {{local:hourly_realtime_metrics}} {{on_cluster}} MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';
ALTER TABLE {{local:hourly_realtime_metrics}} {{on_cluster}} ADD PROJECTION IF NOT EXISTS hours
(
    SELECT event_type, toStartOfHour(minute), sum(events) GROUP BY event_type, toStartOfHour(minute)
);
ALTER TABLE {{local:hourly_realtime_metrics}} {{on_cluster}} MATERIALIZE PROJECTION hours;
