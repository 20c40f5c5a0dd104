"""The pages of APIs: registering them, changing them, and what clients may do there.

May use the pages of clients.
"""
