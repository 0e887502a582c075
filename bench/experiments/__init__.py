"""What measures the product, beside other servers or while it is loaded and broken; nothing of the gate needs it."""
