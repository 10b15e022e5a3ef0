"""What may be wrong or odd: suspicious labels, near-duplicates, outliers, rounds that disagree."""
