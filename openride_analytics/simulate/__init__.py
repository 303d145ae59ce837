"""Plausible rides, and the way from events to Kafka that `simulate` and `replay` share."""
