"""Where the demo person keeps and spends her money: accounts, own categories, shops and trips."""

from dataclasses import dataclass
from typing import Final

CHECKING: Final = "checking"
SAVINGS: Final = "savings"
CARD: Final = "card"
CASH: Final = "cash"
FUNDS: Final = "funds"
DOLLARS: Final = "dollars"


@dataclass(frozen=True, slots=True)
class Place:
    """An account to open."""

    key: str
    name: str
    type: str
    currency: str
    opening_minor: int
    institution: str | None = None
    number: str | None = None


PLACES: Final = (
    Place(
        CHECKING, "Everyday account", "CHECKING", "EUR", 2_480_15, "Donau Sparkasse",
        "AT61 1904 3002 3457 3201",
    ),
    Place(
        SAVINGS, "Savings", "SAVINGS", "EUR", 6_000_00, "Donau Sparkasse",
        "AT48 3200 0000 1234 5864",
    ),
    Place(CARD, "Credit card", "CREDIT_CARD", "EUR", 0, "Donau Sparkasse", "4000 0012 3456 7899"),
    Place(CASH, "Wallet", "CASH", "EUR", 85_00),
    Place(FUNDS, "Index funds", "INVESTMENT", "EUR", 9_350_00, "Alpen Invest", "DEPOT-7741203"),
    Place(
        DOLLARS, "Dollar travel card", "CREDIT_CARD", "USD", 140_00, "Globe Card",
        "5200 0098 7654 3210",
    ),
)  # fmt: skip

OWN_CATEGORIES: Final = (
    # key, name, kind, parent key, colour, icon
    ("subscriptions", "Subscriptions", "EXPENSE", "leisure", "#00acc1", "repeat"),
    ("household", "Household", "EXPENSE", "shopping", "#8e24aa", "broom"),
    ("clothes", "Clothes", "EXPENSE", "shopping", "#ab47bc", "shirt"),
    ("public_transport", "Public transport", "EXPENSE", "transport", "#1e88e5", "tram"),
    ("hotels", "Hotels", "EXPENSE", "travel", "#0288d1", "bed"),
    ("bonus", "Holiday and Christmas pay", "INCOME", "salary", "#43a047", "gift"),
)
PLANS: Final = (
    # category key, amount a month in euros, carry
    ("housing", "1200", "BOTH"),
    ("insurance", "45", "SURPLUS"),
    ("groceries", "320", "NONE"),
    ("restaurants", "300", "NONE"),
    ("transport", "110", "NONE"),
    ("shopping", "250", "NONE"),
)


@dataclass(frozen=True, slots=True)
class Shop:
    """Somewhere money goes: who, what for, and between which amounts of minor units."""

    payee: str
    description: str
    category: str
    low: int
    high: int
    tags: tuple[str, ...] = ()


GROCERIES: Final = (
    Shop("SPAR", "SPAR Mariahilfer Straße", "groceries", 6_40, 58_90),
    Shop("Billa", "BILLA dankt", "groceries", 4_15, 46_70),
    Shop("Hofer", "HOFER 1070 Wien", "groceries", 9_80, 62_35),
    Shop("Naschmarkt", "Fruit and vegetables", "groceries", 5_00, 24_50, ("market",)),
    Shop("Bäckerei Öfferl", "Bread and pastry", "groceries", 3_20, 14_80),
    Shop("Пекарня «Колос»", "Хлеб и пирожки", "groceries", 2_90, 12_60),
    Shop("亚洲超市", "Noodles, rice, soy sauce", "groceries", 7_35, 33_10),
    Shop("سوق الشام", "Spices and dates", "groceries", 4_45, 21_90),
    Shop("Παντοπωλείο Ηλιος", "Feta and olives", "groceries", 6_75, 28_40),
)
RESTAURANTS: Final = (
    Shop("Café Jelinek", "Melange and cake", "restaurants", 4_90, 13_80),
    Shop("Kaffeeküche", "Coffee to go", "restaurants", 2_80, 5_60),
    Shop("Ταβέρνα Ο Πλάτανος", "Dinner", "restaurants", 18_50, 64_20),
    Shop("老北京饺子馆", "Dumplings", "restaurants", 9_90, 31_50),
    Shop("مطعم الياسمين", "Lunch", "restaurants", 8_50, 22_40),
    Shop("Ресторан «Днепр»", "Dinner with friends", "restaurants", 21_00, 58_90, ("friends",)),
    Shop("寿司処 はな", "Sushi", "restaurants", 14_20, 49_80),
    Shop("서울식당", "Bibimbap", "restaurants", 11_90, 27_60),
    Shop("Pizzeria L’Angolo", "Pizza", "restaurants", 10_40, 26_90),
    Shop("Gasthaus Zum Löwen", "Mittagsmenü", "restaurants", 9_80, 16_40, ("work",)),
)
MOVING: Final = (
    Shop("ÖBB", "Train ticket", "transport", 9_90, 64_00),
    Shop("WienMobil Rad", "Bicycle rent", "transport", 60, 6_00),
    Shop("Taxi 40100", "Taxi", "transport", 9_20, 34_80),
)
SHOPPING: Final = (
    Shop("Thalia", "Books", "leisure", 9_90, 42_80),
    Shop("Peek & Cloppenburg", "Clothes", "clothes", 19_90, 129_00),
    Shop("IKEA", "Things for the flat", "household", 7_98, 148_50, ("home",)),
    Shop("Bipa", "Drugstore", "household", 3_45, 29_70),
    Shop("Zalando", "Shoes and shirts", "clothes", 24_95, 119_90, ("online",)),
    Shop("MediaMarkt", "Electronics", "shopping", 12_99, 219_00),
)
LEISURE: Final = (
    Shop("Votiv Kino", "Cinema", "leisure", 9_50, 23_00),
    Shop("Wiener Konzerthaus", "Concert", "leisure", 24_00, 78_00, ("music",)),
    Shop("Boulderbar", "Climbing", "leisure", 13_50, 18_00, ("sport",)),
    Shop("Therme Wien", "Day at the spa", "leisure", 27_50, 49_00),
)
HEALTH: Final = (
    Shop("Apotheke Zur Goldenen Krone", "Pharmacy", "health", 4_90, 38_60),
    Shop("Dr. Ayşe Yılmaz", "Dentist", "health", 45_00, 160_00),
    Shop("Dr. Jiří Dvořák", "Physiotherapy", "health", 38_00, 72_00),
)
CASH_SHOPS: Final = (
    Shop("Würstelstand Leo", "Käsekrainer", "restaurants", 4_50, 9_80),
    Shop("Flohmarkt", "Flea market", "shopping", 3_00, 25_00),
    Shop("Karmelitermarkt", "Cheese and flowers", "groceries", 4_00, 19_00, ("market",)),
    Shop("Friseur Yıldız", "Haircut", "other_expense", 22_00, 36_00),
)
TRIP_SHOPS: Final = (
    Shop("Trader Joe’s", "Groceries", "groceries", 11_40, 48_90, ("holiday",)),
    Shop("Katz’s Delicatessen", "Pastrami on rye", "restaurants", 19_50, 42_75, ("holiday",)),
    Shop("MTA", "Subway", "public_transport", 2_90, 17_40, ("holiday",)),
    Shop("Lyft", "Ride", "transport", 9_80, 38_20, ("holiday",)),
    Shop("MoMA", "Museum", "leisure", 17_00, 30_00, ("holiday",)),
    Shop("金山餐厅", "Dim sum in Chinatown", "restaurants", 14_60, 39_90, ("holiday",)),
    Shop("Café Zitouna — قهوة الزيتونة", "Mint tea", "restaurants", 4_50, 12_30, ("holiday",)),
    Shop("The Strand", "Books and postcards", "shopping", 6_95, 44_00, ("holiday",)),
)
MONTHLY: Final = (
    # day of the month, account, payee, description, category, amount of minor units
    (1, CHECKING, "Hausverwaltung Brückner", "Rent", "rent", 1_045_00),
    (3, CHECKING, "Wien Energie", "Electricity and heating", "utilities", 96_40),
    (5, CHECKING, "A1", "Mobile and internet", "utilities", 42_90),
    (6, CHECKING, "Wiener Linien", "Monthly pass", "public_transport", 51_00),
    (8, CHECKING, "Grazer Wechselseitige", "Household insurance", "insurance", 18_75),
    (10, CARD, "Spotify", "Music", "subscriptions", 11_99),
    (12, CARD, "Netflix", "Films", "subscriptions", 13_99),
    (15, CARD, "Der Standard", "Newspaper", "subscriptions", 15_90),
    (18, DOLLARS, "DigitalOcean", "Server for the side project", "subscriptions", 6_49),
    (20, CARD, "John Harris Fitness", "Gym", "leisure", 54_90),
)
TRIPS: Final = (
    # days after the first day of the books, length, where
    (170, 11, "New York"),
    (392, 8, "Chicago"),
    (560, 12, "California"),
    (765, 9, "Boston"),
    (955, 12, "New York"),
)
