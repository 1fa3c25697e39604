"""What only the book and its figures need; nothing else in the library imports it."""
