"""Routes: the requests and answers of each address, in our own form and in those of other servers."""
