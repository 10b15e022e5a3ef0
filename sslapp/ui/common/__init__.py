"""What several pages show: their heads, faults, progress, pictures and figures."""
