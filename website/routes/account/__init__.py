"""The pages of one's own account: its details, passwords and factors, connected apps, sessions and events.

May use the pages of authorization, clients and login.
"""
