"""The exam: what a store promises, put to the test many times over, each time beside a way that must fail.

Run it with ``python -m crmcore.testing.exam``; it takes two minutes, with ``--full`` ten times as many repetitions.
"""
