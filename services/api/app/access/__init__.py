"""Who may call. Knows no HTTP framework; keys come from the environment and stay here as digests."""
