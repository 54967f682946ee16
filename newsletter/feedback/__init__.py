"""What comes back: events of providers, bounces and complaints, and what follows from them."""
