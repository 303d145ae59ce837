-- How far people go through a sequence of events, all of them together and by what they registered as.
-- Parameters: steps (event types, in order); until, since (half-open): where a funnel may begin; horizon: until +
-- window, window (ms): how long after its beginning it may go on; repeated: 1 if a type is more than one of the steps;
-- breakdown: role, state, city or ''.
-- Result: one row for each step that anybody reached:
--   together  1 for all people, 0 for those with this value
--   value     of those registered as such, 'Unknown' where that is not said (or no breakdown was asked for)
--   step      1, 2, ...
--   people    who reached it
--   waited    ms since the step before: the element at index floor(n / 2) of the n sorted ones; 0 for step 1
-- A person enters with the first event of the first step in [since, until); each next step is the earliest event of its
-- type, not used yet, at or after the step before. Which of several events in one millisecond is used makes no
-- difference to any number: so an event is packed into one integer, `ms since 1970 << 8 | type << 4 | n`, where type
-- is the first step that has it, and n tells the events of one type and millisecond apart (0 where no type is
-- repeated: then one is as good as many).
-- Put in by the reader: as `acts` the parts that hold any of the steps (funnel_people, funnel_acts, funnel_positions), as
-- `entrances` the one that holds the first. Each takes some milliseconds to be planned, also where nothing is found.
WITH
    {steps:Array(String)} AS steps,
    arrayMap(step -> toUInt64(indexOf(steps, step)), steps) AS types,
    acts AS
    (
{{acts}}
    )
SELECT
    grouping(value) AS together,
    value,
    step,
    count() AS people,
    quantileExact(0.5)(wait) AS waited
FROM
(
    SELECT
        value,
        step,
        if(step = 1, 0, toInt64(bitShiftRight(path[step], 8)) - toInt64(bitShiftRight(path[step - 1], 8))) AS wait
    FROM
    (
        SELECT
            value,
            arrayFold(
                (path, type) -> arrayPushBack(
                    path,
                    arrayMin(arrayFilter(
                        event -> bitAnd(bitShiftRight(event, 4), 15) = type
                            AND bitShiftRight(event, 8) >= bitShiftRight(path[-1], 8)
                            AND path[-1] > 0
                            AND if({repeated:UInt8} = 1, NOT has(path, event), true),
                        events))),
                arraySlice(types, 2),
                [entry]) AS path
        FROM
        (
            SELECT
                value,
                arrayMin(arrayFilter(
                    event -> bitAnd(bitShiftRight(event, 4), 15) = 1
                        AND bitShiftRight(event, 8) < toUnixTimestamp64Milli({until:DateTime64(3, 'UTC')}),
                    all_events)) AS entry,
                arrayFilter(
                    event -> event >= bitShiftLeft(bitShiftRight(entry, 8), 8)
                        AND bitShiftRight(event, 8) <= bitShiftRight(entry, 8) + {window:UInt64},
                    all_events) AS events
            FROM
            (
                WITH bitShiftLeft(toUInt256(toUnixTimestamp64Milli(event_timestamp)), 128) + toUInt128(event_id) AS turn
                SELECT
                    if({breakdown:String} = '', '', argMinIf(registered_as, turn, event_type = 'user.registered')) AS said,
                    if(said = '', 'Unknown', said) AS value,
                    if(
                        {repeated:UInt8} = 1,
                        arrayMap(
                            (event, n) -> event + least(n, 15),
                            arraySort(arrayMap(found -> found.1, groupUniqArrayIf((packed, event_id), in_window))) AS sorted,
                            arrayEnumerateUniq(sorted)),
                        groupArrayIf(packed, in_window)) AS all_events
                FROM
                (
                    SELECT
                        person,
                        event_type,
                        event_timestamp,
                        event_id,
                        registered_as,
                        event_type IN {steps:Array(String)}
                            AND event_timestamp >= {since:DateTime64(3, 'UTC')}
                            AND event_timestamp < {horizon:DateTime64(3, 'UTC')} AS in_window,
                        bitShiftLeft(toUInt64(toUnixTimestamp64Milli(event_timestamp)), 8)
                            + bitShiftLeft(toUInt64(transform(event_type, steps, types, 0)), 4) AS packed
                    FROM acts
                    WHERE person IN
                    (
                        SELECT person
                        FROM
                        (
{{entrances}}
                        )
                        WHERE event_type = steps[1]
                            AND event_timestamp >= {since:DateTime64(3, 'UTC')}
                            AND event_timestamp < {until:DateTime64(3, 'UTC')}
                    )
                )
                GROUP BY person
            )
        )
    )
    ARRAY JOIN arrayEnumerate(path) AS step
    WHERE path[step] > 0
)
GROUP BY GROUPING SETS ((step), (value, step))
ORDER BY together DESC, value, step
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0,
    group_by_two_level_threshold = 0, group_by_two_level_threshold_bytes = 0
