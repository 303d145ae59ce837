"""The only importer of asynch, asyncpg and redis: connections, statements, migrations."""
