"""Guided dreams: schedules, the camera over the last picture, and what the dreaming is led by."""
