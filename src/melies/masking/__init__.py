"""What is worn on a face, and what hides one: make-up, paint, things fixed to the head, and covers."""
