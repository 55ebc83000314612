"""What is compared, each an ``index`` module as Function Compute would call it; see ``tests.bench.stage``."""
