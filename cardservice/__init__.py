"""The web application: owns cards, terminals and all HTML; the composition root."""
