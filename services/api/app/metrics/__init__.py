"""What Prometheus reads: counters fed by the records and a few events, kept per worker and shown for all of them."""
