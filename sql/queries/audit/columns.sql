-- The columns of every table and view.
-- Parameters: database.
-- Result: table, engine (with its parameters), name, type, key (whether rows are merged by it), in their order.
SELECT columns.table AS table, tables.engine_full AS engine, columns.name AS name, columns.type AS type,
    columns.is_in_sorting_key AS key
FROM system.columns AS columns
INNER JOIN system.tables AS tables ON columns.database = tables.database AND columns.table = tables.name
WHERE columns.database = {database:String} AND tables.database = {database:String}
ORDER BY table, columns.position
