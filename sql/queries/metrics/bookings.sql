-- Bookings in a range, and in each bucket of it.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending.
-- Result: a row for each bucket with events, and one of the range as a whole, if it has any:
--   part                                       the bucket's edge, or 0: the whole
--   created, confirmed, cancelled, completed   distinct bookings with that event in the part
--   total_value                                of those confirmed: the price at their first confirmation in it
--   by_rider, by_driver, by_system             of those cancelled: who did, at the first cancellation in it
--   and of use for the whole only:
--   became                                     [those created in it, and of these how many were ever confirmed, cancelled,
--                                              completed, whatever the time of that event]
-- `sure` tells what became of each booking, and which are unclear: those that had some event more than once. Events of
-- the others are counted, as `plain`; of the unclear `firsts` has the first of a type, the least (event_timestamp, event
-- id as text): to look for it in all would cost many times as much. A share and what it is a share of are of one reading,
-- so that a rate cannot pass 100 while events arrive.
WITH
    (
        SELECT
            [
                countIf(is_new),
                countIf(is_new AND bitTest(seen, 1)),
                countIf(is_new AND bitTest(seen, 2)),
                countIf(is_new AND bitTest(seen, 3))
            ] AS became,
            groupArrayIf(booking_id, NOT clear) AS unclear,
            groupArrayIf(seen, NOT clear) AS unclear_seen
        FROM
        (
            SELECT
                booking_id,
                seen,
                events = bitCount(seen) AS clear,
                clear AND created >= {since:DateTime64(3, 'UTC')} AND created < {until:DateTime64(3, 'UTC')} AS is_new
            FROM agg_popular_routes FINAL
        )
    ) AS sure,
    arrayMap(
        e -> transform(e.2, sure.unclear, sure.unclear_seen, toUInt8(0)),
        arrayFilter(e -> e.1 = 'booking.created', firsts)) AS ever
SELECT
    part,
    plain_created + arrayCount(e -> e.1 = 'booking.created', firsts) AS created,
    plain_confirmed + arrayCount(e -> e.1 = 'booking.confirmed', firsts) AS confirmed,
    plain_cancelled + arrayCount(e -> e.1 = 'booking.cancelled', firsts) AS cancelled,
    plain_completed + arrayCount(e -> e.1 = 'booking.completed', firsts) AS completed,
    plain_value + arraySum(e -> if(e.1 = 'booking.confirmed', e.5, 0), firsts) AS total_value,
    plain_by_rider + arrayCount(e -> e.6 = 'RIDER', firsts) AS by_rider,
    plain_by_driver + arrayCount(e -> e.6 = 'DRIVER', firsts) AS by_driver,
    plain_by_system + arrayCount(e -> e.6 = 'SYSTEM', firsts) AS by_system,
    arrayMap((count, bit) -> count + arrayCount(seen -> bitTest(seen, bit), ever), sure.became, [0, 1, 2, 3]) AS became
FROM
(
    SELECT
        part,
        sum(created) AS plain_created,
        sum(confirmed) AS plain_confirmed,
        sum(cancelled) AS plain_cancelled,
        sum(completed) AS plain_completed,
        sum(value) AS plain_value,
        sum(by_rider) AS plain_by_rider,
        sum(by_driver) AS plain_by_driver,
        sum(by_system) AS plain_by_system,
        arraySort(e -> (e.3, UUIDToNum(e.4)), groupArrayArray(others)) AS sorted,
        arrayFilter((e, nth) -> nth = 1, sorted, arrayEnumerateUniq(sorted.1, sorted.2)) AS firsts
    FROM
    (
        SELECT
            roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
            countIf(plain AND event_type = 'booking.created') AS created,
            countIf(plain AND event_type = 'booking.confirmed') AS confirmed,
            countIf(plain AND event_type = 'booking.cancelled') AS cancelled,
            countIf(plain AND event_type = 'booking.completed') AS completed,
            sumIf(total_price, plain AND event_type = 'booking.confirmed') AS value,
            countIf(plain AND cancelled_by = 'RIDER') AS by_rider,
            countIf(plain AND cancelled_by = 'DRIVER') AS by_driver,
            countIf(plain AND cancelled_by = 'SYSTEM') AS by_system,
            groupArrayIf(
                (event_type, booking_id, event_timestamp, event_id, total_price, cancelled_by), NOT plain) AS others
        FROM
        (
            SELECT *, booking_id NOT IN (SELECT arrayJoin(sure.unclear)) AS plain
            FROM daily_booking_metrics
            WHERE event_type IN ('booking.created', 'booking.confirmed', 'booking.cancelled', 'booking.completed')
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        )
        GROUP BY bucket
    )
    ARRAY JOIN [0, bucket] AS part
    GROUP BY part
)
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0
