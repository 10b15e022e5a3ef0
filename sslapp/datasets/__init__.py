"""Reading image sets in (named sets, array files, folders, label lists) and exporting them out."""
