"""The mean of the features gear's quick methods, each calibrated by itself."""
