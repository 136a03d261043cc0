"""What a user sees: tables with units, figures."""
