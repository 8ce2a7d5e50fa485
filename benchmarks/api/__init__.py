"""The API under load: reads, writes, lists over a long history, events in, streams out."""
