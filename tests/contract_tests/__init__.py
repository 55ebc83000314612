"""Tests of ``make contract``: on a stand-in in this process, whose clock nobody waits for."""
