"""Ride events from Kafka into ClickHouse, each once; numbers out over HTTP."""
