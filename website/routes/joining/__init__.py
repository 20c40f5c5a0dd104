"""The pages by which people without an account get one: behind an invitation, and by signing up.

May use the pages of login.
"""
