"""The operator's command line, ``python -m functions``. Never part of the deployed zip."""
