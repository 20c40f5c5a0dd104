"""The pages of the authorization endpoint and of devices: consent, and why somebody has no access.

May use the pages of errors and login.
"""
