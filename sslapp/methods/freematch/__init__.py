"""FreeMatch: FixMatch with thresholds that follow the model's own confidence."""
