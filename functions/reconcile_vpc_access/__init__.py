"""Reconciles on a timer: authorizes what is tagged and missing, schedules the release of what is gone."""
