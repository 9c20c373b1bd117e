"""The edge: what every request passes before any room sees it. No face, no decision."""
