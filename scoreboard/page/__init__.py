"""The page: a board as one HTML file that needs nothing else, and its figures."""
