"""How providers speak: one client per dialect, one transport. Every client is pure; only the transports hold sockets."""
