"""The applications: command line, service, batch runs and reports. Nothing imports them."""
