"""Postgres: the pool, every statement by name, and the migrations."""
