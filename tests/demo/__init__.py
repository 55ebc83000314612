"""What `make demo` and `make run` do: the real function on the embedded stand-in. Only they may import both."""
