"""The sources of the page to draw on, and what Python shares with it.

``utils.playground`` makes one HTML file of them. ``description`` turns a network into plain data.
"""
