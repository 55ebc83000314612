"""What `make up` does: the stand-in with the functions behind the template's triggers, kept running. It may import both."""
