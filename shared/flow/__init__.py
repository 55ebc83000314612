"""One invocation, from bytes to the report."""
