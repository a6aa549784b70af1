"""What is heard in a sound, moment by moment, and letting the numbers of effects and generators follow it."""
