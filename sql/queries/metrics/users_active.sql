-- How many people acted lately, as of the end of a range.
-- Parameters: until (the range's end); day, week, month: the first instants of the last local day before it, and of the 7
-- and the 30 days that end with it.
-- Result: one row: dau, wau, mau: distinct people who acted from day, week, month on and before until.
-- A day of any zone begins with a quarter hour of UTC, so only the quarter in which the range ends is looked into; where
-- it ends between two, that one has no such moments. Quarters are compared as what they are, whole seconds: to make each
-- a DateTime64 first takes as long as to read it. A thread for every two million rows: each makes sets of its own, and
-- to merge those of fewer takes longer than to make them.
WITH toStartOfInterval({until:DateTime64(3, 'UTC')}, INTERVAL 15 MINUTE, 'UTC') AS last_quarter
SELECT
    uniqExactIf(actor, quarter >= toDateTime({day:DateTime64(3, 'UTC')})) AS dau,
    uniqExactIf(actor, quarter >= toDateTime({week:DateTime64(3, 'UTC')})) AS wau,
    uniqExact(actor) AS mau
FROM
(
    SELECT actor, quarter
    FROM actor_activity
    WHERE quarter >= toDateTime({month:DateTime64(3, 'UTC')}) AND quarter < last_quarter
    UNION ALL
    SELECT actor, quarter
    FROM actor_activity
    WHERE quarter = last_quarter
        AND arrayExists(
            ms -> toUnixTimestamp64Milli(toDateTime64(quarter, 3, 'UTC')) + ms
                < toUnixTimestamp64Milli({until:DateTime64(3, 'UTC')}),
            moments)
)
SETTINGS merge_tree_min_rows_for_concurrent_read = 2000000
