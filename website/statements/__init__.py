"""The few hot statements, prepared once; among them those by which a one-time thing is claimed exactly once.

Each is the same on SQLite and PostgreSQL. A claim is one UPDATE with RETURNING, which only one of many rivals wins.
"""
