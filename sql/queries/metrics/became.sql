-- What ever became of bookings, payments or trips that began or ended in a range.
-- Parameters: types: the bits of `seen` that are counted in `events`; since, until (half-open). Put in by the reader:
-- table: agg_popular_routes, agg_payments or agg_trips; entity: its column of ids; began, ended: its columns of when.
-- Result: groups of them, alike in all of
--   seen          bits of the types of events that they ever had
--   is_new        1 if they began in the range
--   is_over       1 if they ended in it
--   entities      how many
--   unclear       none, or the ids of all of them: those that had some event more than once. When they began and ended is
--                 not known here, so they are told whenever that was
SELECT
    seen,
    {{began}} >= {since:DateTime64(3, 'UTC')} AND {{began}} < {until:DateTime64(3, 'UTC')} AS is_new,
    {{ended}} >= {since:DateTime64(3, 'UTC')} AND {{ended}} < {until:DateTime64(3, 'UTC')} AS is_over,
    events = bitCount(bitAnd(seen, {types:UInt8})) AS clear,
    count() AS entities,
    groupArrayIf({{entity}}, NOT clear) AS unclear
FROM {{table}} FINAL
WHERE NOT clear OR is_new OR is_over
GROUP BY seen, is_new, is_over, clear
