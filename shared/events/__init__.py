"""From the bytes of a trigger to records. Pure: no I/O, no settings, nothing recognised but the payload itself."""
