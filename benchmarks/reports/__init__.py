"""Reports for people and machines: each a function of the Report document."""
