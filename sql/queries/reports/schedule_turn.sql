-- Who makes a schedule waits until nobody else of that subject does: they are counted first. $1 owner_subject.
SELECT pg_advisory_xact_lock(hashtextextended('report_schedules ' || $1, 0))
