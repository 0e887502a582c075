"""Access control: authentication, authorization, and throttling of failed logins."""
