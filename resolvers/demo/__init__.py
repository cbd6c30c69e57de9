"""The demo account: three years of a life in two currencies, the same in every installation."""

from resolvers.demo.seed import DEMO_EMAIL, DEMO_PASSWORD, DEMO_TIME_ZONE, seed_demo

__all__ = ["DEMO_EMAIL", "DEMO_PASSWORD", "DEMO_TIME_ZONE", "seed_demo"]
