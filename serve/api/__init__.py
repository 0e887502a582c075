"""Routes: what each address takes and answers, in our own form and in those of other servers."""
