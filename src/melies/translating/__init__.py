"""What `translate`, `style` and `paint` share when they run: networks that make one picture of another."""
