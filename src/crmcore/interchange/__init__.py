"""Interchange: records from elsewhere, and back."""
