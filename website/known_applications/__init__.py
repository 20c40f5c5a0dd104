"""Applications that people already run: what to register for each, and what to paste into it, one file per application.

May use the modules of the root.
"""
