"""Risk early warning for places."""
