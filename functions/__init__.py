"""The functions, one package each, and what the operator runs. At the zip's root each function is ``<name>.py``."""
