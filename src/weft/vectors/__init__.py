"""Where vectors are found: one port, an index in memory, and doors to others."""
