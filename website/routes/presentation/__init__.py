"""How things are shown: times, devices, logos, events, long lists, and the look of all pages.

May use the language of a page.
"""
