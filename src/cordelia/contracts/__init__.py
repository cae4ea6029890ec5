"""The ground floor: the words that every other floor shares, and nothing that does work.

Reports, scores, outcomes, errors and the strict reader of content files. Solvers write reports, scorers read them, the
scoreboard reads both from logs; so the shapes stand below all three and import none of them.
"""
