"""From text to a Snapshot: reads, checks and compiles config.yaml. Nothing here serves a request."""
