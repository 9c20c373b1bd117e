"""A scripted upstream that plays every provider's dialect and judges each request by the types of that provider's own SDK."""
