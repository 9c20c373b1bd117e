"""What logged decisions say of other policies: the archive of snapshots, the replay, the off-policy estimators. Calls nobody."""
