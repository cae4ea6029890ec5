"""What Cordelia costs, measured: `python -m benchmarks [NAME…] [--quick] [--out DIR]`.

Numbers depend on the machine, so no test asserts one. What can be compared is a ratio between two sides that ran on the
same machine in alternation; every result says on which machine that was.
"""
