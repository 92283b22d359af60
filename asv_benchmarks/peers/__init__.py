"""fastmix against its rivals: one table of cases, one file a rival, the losses shown beside the wins."""
