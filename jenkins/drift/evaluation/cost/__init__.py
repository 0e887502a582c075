"""What a check costs by the number of logged applications, beside other ways to count them."""
