"""Exchange rates: published, own, and what becomes of amounts by them."""

from resolvers.rates.book import MissingRate, Rate, RateBook, StaleRate
from resolvers.rates.convert import Converter
from resolvers.rates.own import (
    RateSet,
    count_rates,
    delete_rate,
    list_rates,
    rate_book,
    rate_of,
    rates_by_id,
    rates_version,
    set_rate,
)
from resolvers.rates.refresh import keep_known, keep_refreshed

__all__ = [
    "Converter",
    "MissingRate",
    "Rate",
    "RateBook",
    "RateSet",
    "StaleRate",
    "count_rates",
    "delete_rate",
    "keep_known",
    "keep_refreshed",
    "list_rates",
    "rate_book",
    "rate_of",
    "rates_by_id",
    "rates_version",
    "set_rate",
]
