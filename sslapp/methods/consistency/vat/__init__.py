"""Virtual adversarial training: like predictions in the direction that changes them most."""
