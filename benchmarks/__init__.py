"""What costs how much, measured beside what else there is. One package a subject, one command each."""
