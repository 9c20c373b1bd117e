"""Calls as OpenTelemetry traces, only where they are asked for. What a call costs or means is decided elsewhere."""
