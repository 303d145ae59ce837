"""Pure structs: what comes in (events, queries) and what goes out (results)."""
