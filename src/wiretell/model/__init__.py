"""The nouns: tables and the report. No logic."""
