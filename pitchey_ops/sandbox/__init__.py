"""The platform on loopback: contract-true services that play simulated and recorded incidents."""
