"""What functions share. The import contracts in ``pyproject.toml`` are the drawing of it."""
