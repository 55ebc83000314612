"""Everything at once: faults, throttling, duplicates, reordering, expiring keys and kills; then a ledger."""
