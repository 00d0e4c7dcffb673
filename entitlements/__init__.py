"""Who may have what, why, and the signed proof of it."""
