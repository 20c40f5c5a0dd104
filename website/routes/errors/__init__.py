"""The pages that explain errors: of a request that failed, of a stale form, and of each error by its code.

May use the pages of clients and login.
"""
