"""Coverage-guided fuzzing with atheris, which has requirements of its own: ``make fuzz``."""
