"""The sources of the page to draw on, and what Python shares with it.

``utils.playground`` makes one HTML file of them. ``description`` turns a network into plain data,
``preparation`` does to a drawing what the page does to it.
"""
