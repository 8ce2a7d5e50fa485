"""History and streams: what runners and the watch tell, stored densely numbered, replayed and followed."""
