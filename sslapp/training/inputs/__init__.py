"""How rows reach a step: which ones, as which views, on which device."""
