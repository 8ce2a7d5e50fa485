"""What is stored, and nothing but: keys, objects, parts, seals and writes as values. Pure."""
