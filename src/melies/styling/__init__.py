"""What `style` is made of: looks, learned or taken from a picture, and painting in one or between two of them."""
