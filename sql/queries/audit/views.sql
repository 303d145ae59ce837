-- The materialized views: which table each fills, and how.
-- Parameters: database.
-- Result: name, target, select.
SELECT name, target_table AS target, as_select AS `select`
FROM system.tables
WHERE database = {database:String} AND target_database = {database:String} AND engine = 'MaterializedView'
ORDER BY name
