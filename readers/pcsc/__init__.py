"""Real readers through pcscd; the only imports of pyscard."""
