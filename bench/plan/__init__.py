"""The review plan: from what officers can handle to a threshold, and from there to a policy that two people sign."""
