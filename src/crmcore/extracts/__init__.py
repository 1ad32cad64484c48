"""Extracts: columns for analysis, drawn from a CRM as it is or as it was; nothing is calculated here."""
