"""The language of each page: which one it is, how people choose it, and the texts in it.

May use what is current in a request, and the cookies.
"""
