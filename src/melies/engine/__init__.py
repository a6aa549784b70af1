"""Runs a clip: decode, effects and encode in their own threads joined by bounded queues."""
