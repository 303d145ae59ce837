-- When this database was made: nothing in it is older.
-- Result: one row, made.
SELECT min(applied_at) AS made FROM schema_migrations
