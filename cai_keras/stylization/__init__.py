"""Pictures that are made to have the features of others: objectives and their use."""
