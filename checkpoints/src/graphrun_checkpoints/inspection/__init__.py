"""Looking a bucket over: is everything there and whole, and what takes up the room."""
