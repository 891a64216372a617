"""What there is: the state of a competition's work folder, what may be deleted of it, the machine and its packages."""
