"""Text that breaks naive programs, generated here: by kind of trouble, not copied from a list."""

import unicodedata
from typing import Final

_PLACES: Final = ("", "a", "a b")

QUOTES: Final = ("'", '"', "''", "\\'", '\\"', "`", "$$", "$1", "%s", "%(x)s", ":name", "{0}", "?")
SQL: Final = (
    "' OR '1'='1", "' OR 1=1--", "'; DROP TABLE transactions;--", "1; SELECT pg_sleep(9)",
    "' UNION SELECT password_hash FROM users--", "') OR ('1'='1", "1) OR (1=1", "/* */", "--",
    "%27%20OR%201=1", "x' AND (SELECT 1 FROM pg_sleep(9)) IS NOT NULL--", "\\x27", "E'\\\\'",
    "set_config('app.user_id','x',false)", "$x$;SELECT 1;$x$", "CAST(version() AS int)",
)  # fmt: skip
PATTERNS: Final = ("%", "_", "%%", "\\", "\\%", "[a", "(", "*", ".*", "a|b", "(?i)", "(a+)+$", "^$")
MARKUP: Final = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;b&gt;", "&#0;", "]]>",
    "<!--", "javascript:alert(1)", "<svg/onload=x>", "{{7*7}}", "${7*7}", "#{7*7}", "<%= 1 %>",
    "[[1]]", "@import", "../../etc/passwd", "file:///etc/passwd", "\\\\host\\share", "|ls",
    "$(id)", "`id`", "; id", "=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C x'!A0",
)  # fmt: skip
WORDS: Final = (
    "null", "undefined", "None", "nil", "true", "False", "NaN", "Infinity", "-0", "0x10", "1e309",
    "1_000", "__proto__", "constructor", "toString", "then", "CON", "LPT1", "Scunthorpe", "id",
    "0", "00", "1.0", "٣", "３", "²", "½", "Ⅷ", "१",
)  # fmt: skip
SCRIPTS: Final = (
    "Größe", "ÅÄÖ", "łódź", "Ελληνικά", "русский", "עברית", "العربية", "हिन्दी", "ไทย", "한국어",
    "日本語", "中文", "ｆｕｌｌ", "𝓕𝓪𝓷𝓬𝔂", "ǅ", "ß", "İı", "ﬁ", "Ω", "K", "Å", "🏳️‍🌈", "👩‍👩‍👧", "🇱🇹", "👍🏽",
    "\U0010fffd", "𝕳", "܀", "Z͑ͫ̓ͪ̂ͫ̽͏", "e\u0301", "\u1e9b\u0323", "\u0345\u03b1", "﷽", "꧅",
)  # fmt: skip
BIDI: Final = tuple(f"a{chr(code)}b" for code in (0x202E, 0x2066, 0x200F, 0x061C, 0x200D, 0xFEFF))
SPACES: Final = tuple(
    f"{chr(code)}a{chr(code)}"
    for code in (0x20, 0xA0, 0x1680, 0x2003, 0x2028, 0x2029, 0x3000, 0x200B, 0x2060)
)
CONTROLS: Final = tuple(
    f"a{chr(code)}b" for code in (0, 1, 7, 8, 9, 10, 11, 12, 13, 27, 31, 127, 128, 133, 159)
)
SURROGATES: Final = ("\ud800", "a\udc00", "\udc00\ud800")
UNASSIGNED: Final = ("\uffff", "\ufdd0", "\U0001fffe", "\u0378", "\ue000", "\U000f0000")
FLOODS: Final = (
    "a" + "\u0300" * 60, "".join(f"o{chr(0x0300 + n) * 3}" for n in range(20)), "\u200d" * 20 + "a",
    "\u202e" * 30 + "a", "\u2066" * 30 + "a" + "\u2069" * 30, "a" + "\ufe0f" * 40, "\u20dd" * 9 + "a",
)  # fmt: skip
JOINED: Final = (
    "👨‍👩‍👧‍👦", "👩🏽‍❤️‍💋‍👨🏿", "🧑‍🚀" * 12, "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "🇱🇹🇱🇹🇱", "1️⃣", "☺︎☺️", "\U000e0041\U000e0042",
)  # fmt: skip
FORMATS: Final = (
    "%n%n%n%n", "%s%p%x%d", "%99999d", "{}", "{0.__class__.__mro__}", "{x!r:>9999}", "%(name)s",
    "{{config}}", "{% raw %}", "${jndi:ldap://x/a}", "#{1+1}", "<%= `id` %>", "*{1}", "@(1+1)",
    "#eval(1)", '#read("/etc/passwd")', "$ x $", "\\input{/etc/passwd}", "^[[31m",
)  # fmt: skip
FORMULAS: Final = (
    "=1+1", "+1+1", "-1+1", "@SUM(1)", '=HYPERLINK("http://x","y")', "=cmd|' /C calc'!A0", "'=1+1",
    "＝1+1", "＋1", "－1", "＠SUM(1)", "''=1", "'1", ";=1", ",=1", '"=1"', '=1","=2',
)  # fmt: skip
NORMAL: Final = (
    "é", "e\u0301", "\u212b", "\u212a", "\uf900", "\u1112\u1161\u11ab", "한", "\u0958", "ﬀ", "ſ", "\u1e69",
    "s\u0323\u0307", "s\u0307\u0323", "\u0344", "\u2126", "\ufb1d", "\U0002f800",
)  # fmt: skip
LONG: Final = ("x" * 4_001, "é" * 2_001, "🙂" * 1_001, " " * 300, "e\u0301" * 400)

NAUGHTY: Final = (
    *FLOODS, *JOINED, *FORMATS, *FORMULAS, *NORMAL, *BIDI, *SPACES, *CONTROLS[1:9], *UNASSIGNED[:3],
    *SQL[:4], *MARKUP[:6], *LONG[:2], "x" * 200, "x" * 201, "é" * 500, "e\u0301" * 200,
)  # fmt: skip
"""Some of each kind, for places that cost a request each."""

ALL: Final = tuple(
    dict.fromkeys(
        (
            *QUOTES, *SQL, *PATTERNS, *MARKUP, *WORDS, *SCRIPTS, *BIDI, *SPACES, *CONTROLS,
            *SURROGATES, *UNASSIGNED, *LONG, *FLOODS, *JOINED, *FORMATS, *FORMULAS, *NORMAL, *(place + one for one in QUOTES for place in _PLACES),
            *(one + one for one in (*SCRIPTS, *PATTERNS)), *(f"x{one}y" for one in (*SQL, *MARKUP)),
        )
    )
)  # fmt: skip


def kept(text: str) -> str:
    """What is stored of a text: its normal form without space around it."""
    return unicodedata.normalize("NFC", text).strip()


def storable(text: str, *, most: int, breaks: bool = False) -> bool:
    """Whether a text of that many characters at most may be stored."""
    allowed = "\n\t" if breaks else ""
    plain = text.replace("\r\n", "\n") if breaks else text
    return 0 < len(kept(plain)) <= most and not any(
        unicodedata.category(char) in {"Cc", "Cs"} and char not in allowed for char in plain
    )
