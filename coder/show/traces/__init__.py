"""Traces: a run's events as OpenTelemetry spans and metrics, sent to a collector. Read fold, collector."""
