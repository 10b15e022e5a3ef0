"""LayerMatch: the head learns from labels alone, the features from confident views too."""
