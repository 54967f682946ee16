"""What comes back of messages: events, and what opens and clicks tell of people and machines."""
