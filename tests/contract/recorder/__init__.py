"""A function to be deployed for an hour: it writes the shape of each event that it gets into its log, and nothing else.

``python -m tests.contract.recorder > recorder.json`` prints the stack; ``make contract ARGS='--recorded FILE'`` reads its log.
"""
