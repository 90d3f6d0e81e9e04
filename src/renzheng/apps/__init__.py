"""What people and programs use: command line, service, batch runs, reports. Nothing imports it."""
