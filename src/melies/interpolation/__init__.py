"""Pictures between pictures: which pairs there are, how one moves to the other, and what is to be seen in between."""
