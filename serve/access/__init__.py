"""Who may call what: who somebody is, what an address asks for, and what a wrong login costs."""
