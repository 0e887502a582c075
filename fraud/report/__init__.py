"""What the reports of checks share: how they are written, their page's frame, JUnit XML."""
