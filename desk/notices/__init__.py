"""What people were told of, and whether it reached them."""
