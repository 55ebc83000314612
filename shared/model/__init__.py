"""The nouns: what is asked for, what an event said, what became of it. Imports nothing of ours but errors."""
