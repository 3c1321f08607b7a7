"""Other people's datasets as captures: one file per dataset, the rest shared."""
