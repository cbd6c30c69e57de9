"""JSON from the network: every document is read exactly or refused with a reason, never else."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.http.json_body import parse_json
from resolvers.errors import BadRequest, Invalid, TooLarge

DEEP = 100_000

# Named as suites of JSON files name theirs: y is read, n is malformed, v holds a wrong value.
READ = {
    "y_null": (b"null", None),
    "y_true": (b"true", True),
    "y_false": (b"false", False),
    "y_empty_string": (b'""', ""),
    "y_empty_key": (b'{"":0}', {"": 0}),
    "y_empty_object": (b"{}", {}),
    "y_empty_array": (b"[]", []),
    "y_array_of_empty": (b"[[],{}]", [[], {}]),
    "y_space_around": (b" \t\r\n[ \t1\r\n, 2 ] \n", [1, 2]),
    "y_bom": (b"\xef\xbb\xbf[1]", [1]),
    "y_bom_in_string": (b'"\xef\xbb\xbf"', "\ufeff"),
    "y_zero": (b"0", 0),
    "y_minus_one": (b"-1", -1),
    "y_minus_zero": (b"-0", Decimal("-0")),
    "y_minus_zero_fraction": (b"-0.0", Decimal("-0.0")),
    "y_integer_of_40_digits": (b"9" * 40, 10**40 - 1),
    "y_negative_of_40_digits": (b"-" + b"9" * 40, 1 - 10**40),
    "y_fraction": (b"1.10", Decimal("1.10")),
    "y_fraction_of_40_digits": (b"0." + b"1" * 39, Decimal("0." + "1" * 39)),
    "y_exponent": (b"1e2", Decimal("1e2")),
    "y_exponent_upper": (b"1E2", Decimal("1e2")),
    "y_exponent_plus": (b"1e+2", Decimal("1e2")),
    "y_exponent_minus": (b"1e-2", Decimal("0.01")),
    "y_exponent_zeros": (b"1e0002", Decimal("1e2")),
    "y_exponent_of_zero": (b"0e1", Decimal("0e1")),
    "y_exponent_30": (b"1e30", Decimal("1e30")),
    "y_exponent_minus_30": (b"1e-30", Decimal("1e-30")),
    "y_fraction_and_exponent": (b"-1.5e3", Decimal("-1.5e3")),
    "y_simple_escapes": (rb'"\"\\\/\b\f\n\r\t"', '"\\/\b\f\n\r\t'),
    "y_unicode_escape": (rb'"\u00e9\u00E9"', "éé"),
    "y_surrogate_pair": (rb'"\ud83d\ude00"', "😀"),
    "y_surrogate_pair_upper": (rb'"\uD83D\uDE00"', "😀"),
    "y_last_surrogate_pair": (rb'"\udbff\udfff"', "\U0010ffff"),
    "y_escape_of_an_escape": (rb'"\\u0000 \\ud800"', "\\u0000 \\ud800"),
    "y_escape_before_pair": (rb'"\\\ud83d\ude00"', "\\😀"),
    "y_noncharacter": (rb'"\uffff\ufffe"', "\uffff\ufffe"),
    "y_after_surrogates": (rb'"\ue000"', "\ue000"),
    "y_before_surrogates": (rb'"\ud7ff"', "\ud7ff"),
    "y_control_escape": (rb'"\u0001\u001f"', "\x01\x1f"),
    "y_del": (b'"\x7f"', "\x7f"),
    "y_line_separators": ('"\u2028\u2029"'.encode(), "\u2028\u2029"),
    "y_utf8": ('"aé€😀"'.encode(), "aé€😀"),
    "y_last_code_point": ('"\U0010ffff"'.encode(), "\U0010ffff"),
    "y_brackets_in_string": (b'"' + b"[{" * 100 + b'"', "[{" * 100),
    "y_quote_and_brackets": (b'"\\"' + b"[" * 100 + b'"', '"' + "[" * 100),
    "y_wide_array": (b"[" + b"[]," * 999 + b"[]]", [[]] * 1000),
    "y_keys_of_two_objects": (b'[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
    "y_key_in_inner_object": (b'{"a":{"a":1}}', {"a": {"a": 1}}),
    "y_keys_by_normal_form": ('{"é":1,"e\u0301":2}'.encode(), {"é": 1, "e\u0301": 2}),
    "y_proto": (b'{"__proto__":1}', {"__proto__": 1}),
    "y_constant_in_string": (b'["NaN","Infinity"]', ["NaN", "Infinity"]),
    "y_number_in_string": (b'["1e2000000"]', ["1e2000000"]),
    "y_depth_32": (b"[" * 32 + b"]" * 32, json.loads("[" * 32 + "]" * 32)),
    "y_depth_32_mixed": (b'{"a":[' * 16 + b"]}" * 16, json.loads('{"a":[' * 16 + "]}" * 16)),
    "y_long_string": (b'"' + b"x" * 100_000 + b'"', "x" * 100_000),
}

MALFORMED = {
    "n_empty": b"",
    "n_space": b" \n\t ",
    "n_bom_only": b"\xef\xbb\xbf",
    "n_bom_twice": b"\xef\xbb\xbf\xef\xbb\xbf1",
    "n_bom_half": b"\xef\xbb1",
    "n_bom_after_space": b" \xef\xbb\xbf1",
    "n_form_feed": b"[\x0c]",
    "n_no_break_space": "[\u00a01]".encode(),
    "n_nul_byte": b"\x00",
    "n_nul_after": b"1\x00",
    "n_nul_in_string": b'"\x00"',
    "n_newline_in_string": b'"\n"',
    "n_tab_in_string": b'"\t"',
    "n_control_in_string": b'"\x1f"',
    "n_control_in_key": b'{"\x01":1}',
    "n_utf16_bom_le": "[1]".encode("utf-16"),
    "n_utf16_bom_be": b"\xfe\xff" + "[1]".encode("utf-16-be"),
    "n_utf16_le": "[1]".encode("utf-16-le"),
    "n_utf16_be": "[1]".encode("utf-16-be"),
    "n_utf16_string": '"é"'.encode("utf-16-le"),
    "n_utf32_bom": "[1]".encode("utf-32"),
    "n_utf32_be": "[1]".encode("utf-32-be"),
    "n_utf7_bom": b"+/v8-[1]",
    "n_latin1": '"é"'.encode("latin-1"),
    "n_utf8_continuation": b'"\x80"',
    "n_utf8_truncated_2": b'"\xc3"',
    "n_utf8_truncated_3": b'"\xe2\x82"',
    "n_utf8_truncated_4": b'"\xf0\x9f\x98"',
    "n_utf8_truncated_end": b'"\xe2\x82',
    "n_utf8_overlong_slash": b'"\xc0\xaf"',
    "n_utf8_overlong_nul": b'"\xc0\x80"',
    "n_utf8_overlong_3": b'"\xe0\x80\xaf"',
    "n_utf8_overlong_4": b'"\xf0\x80\x80\xaf"',
    "n_utf8_surrogate": b'"\xed\xa0\x80"',
    "n_utf8_surrogate_pair": b'"\xed\xa0\xbd\xed\xb8\x80"',
    "n_utf8_over_10ffff": b'"\xf4\x90\x80\x80"',
    "n_utf8_five_bytes": b'"\xf8\x88\x80\x80\x80"',
    "n_utf8_fe": b'"\xfe"',
    "n_utf8_ff_outside": b"\xff",
    "n_array_open": b"[",
    "n_array_open_value": b"[1",
    "n_array_open_comma": b"[1,",
    "n_array_close": b"]",
    "n_array_extra_close": b"[1]]",
    "n_array_comma_only": b"[,]",
    "n_array_comma_first": b"[,1]",
    "n_array_comma_last": b"[1,]",
    "n_array_comma_twice": b"[1,,2]",
    "n_array_no_comma": b"[1 2]",
    "n_array_colon": b'["a":1]',
    "n_array_wrong_close": b"[1}",
    "n_object_open": b"{",
    "n_object_open_key": b'{"a"',
    "n_object_open_colon": b'{"a":',
    "n_object_open_value": b'{"a":1',
    "n_object_open_comma": b'{"a":1,',
    "n_object_close": b"}",
    "n_object_comma_last": b'{"a":1,}',
    "n_object_comma_twice": b'{"a":1,,"b":2}',
    "n_object_no_colon": b'{"a" 1}',
    "n_object_no_value": b'{"a":}',
    "n_object_no_key": b"{:1}",
    "n_object_colon_twice": b'{"a"::1}',
    "n_object_bare_key": b"{a:1}",
    "n_object_single_quotes": b"{'a':1}",
    "n_object_number_key": b"{1:1}",
    "n_object_null_key": b"{null:1}",
    "n_object_wrong_close": b'{"a":1]',
    "n_object_same_key": b'{"a":1,"a":1}',
    "n_object_same_key_escaped": rb'{"a":1,"\u0061":2}',
    "n_object_same_empty_key": b'{"":1,"":2}',
    "n_object_same_key_inside": b'[{"b":{"a":1,"c":2,"a":3}}]',
    "n_string_open": b'"',
    "n_string_open_text": b'"abc',
    "n_string_open_escape": b'"\\',
    "n_string_open_escaped_quote": b'"\\"',
    "n_string_single_quotes": b"'a'",
    "n_string_bare": b"abc",
    "n_string_bad_escape": rb'"\x41"',
    "n_string_escape_zero": rb'"\0"',
    "n_string_escape_upper_u": rb'"\U00000041"',
    "n_string_short_unicode": rb'"\u00e"',
    "n_string_no_hex": rb'"\u00eg"',
    "n_string_sign_in_hex": rb'"\u+0e9"',
    "n_string_space_in_hex": rb'"\u 0e9"',
    "n_string_truncated_pair": rb'"\ud83d\u"',
    "n_string_truncated_hex": rb'"\ud83d\ude',
    "n_string_escaped_newline": b'"\\\n"',
    "n_string_escaped_emoji": '"\\😀"'.encode(),
    "n_two_values": b"1 2",
    "n_two_strings": b'"a""b"',
    "n_two_objects": b"{}{}",
    "n_text_after": b"{}x",
    "n_comment": b"[1/*c*/]",
    "n_line_comment": b"[1]//c",
    "n_hash_comment": b"#\n1",
    "n_semicolon": b"[1;]",
    "n_true_upper": b"True",
    "n_true_short": b"tru",
    "n_true_long": b"truee",
    "n_null_short": b"nul",
    "n_null_upper": b"NULL",
    "n_undefined": b"undefined",
    "n_nan": b"NaN",
    "n_nan_lower": b"nan",
    "n_minus_nan": b"[-NaN]",
    "n_infinity": b"[Infinity]",
    "n_minus_infinity": b"[-Infinity]",
    "n_plus_infinity": b"[+Infinity]",
    "n_inf": b"[Inf]",
    "n_plus": b"+1",
    "n_minus": b"-",
    "n_minus_space": b"- 1",
    "n_minus_twice": b"--1",
    "n_leading_zero": b"012",
    "n_leading_zero_negative": b"-012",
    "n_two_zeros": b"00",
    "n_dot_first": b".5",
    "n_minus_dot": b"-.5",
    "n_dot_last": b"1.",
    "n_dot_then_exponent": b"1.e2",
    "n_dot_twice": b"1.2.3",
    "n_dot_only": b".",
    "n_exponent_empty": b"1e",
    "n_exponent_plus_empty": b"1e+",
    "n_exponent_twice": b"1e2e3",
    "n_exponent_fraction": b"1e2.5",
    "n_exponent_sign_twice": b"1e+-2",
    "n_hex": b"0x10",
    "n_octal": b"0o10",
    "n_binary": b"0b1",
    "n_underscore": b"1_000",
    "n_thousands": b"[1 000]",
    "n_comma_fraction": b"1,5",
    "n_suffix": b"1L",
    "n_fullwidth": "１２".encode(),
    "n_arabic_digits": "١٢".encode(),
    "n_arabic_after_digit": "[1٢]".encode(),
    "n_superscript": "1²".encode(),
    "n_unicode_minus": "−1".encode(),
    "n_html": b"<html></html>",
    "n_form": b"query=%7Ba%7D",
    "n_depth_33": b"[" * 33 + b"]" * 33,
    "n_depth_33_mixed": b'{"a":[' * 16 + b"[]" + b"]}" * 16,
    "n_depth_deep": b"[" * DEEP,
    "n_depth_deep_closed": b"[" * DEEP + b"]" * DEEP,
    "n_depth_deep_objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "n_depth_deep_open_mixed": b'[{"a":' * DEEP,
    "n_depth_closings": b"]" * DEEP,
    "n_depth_pairs_wrong": b"[}" * DEEP,
    "n_depth_behind_string": b'["\\"]",' + b"[" * DEEP,
    "n_depth_behind_flat": b"[" + b"[]," * 1000 + b"[" * 40,
}

WRONG = {
    "v_huge_exponent": (b"1e2000000", 1),
    "v_huge_negative_exponent": (b"[1e-2000000]", 2),
    "v_exponent_31": (b"[0, 1e31]", 5),
    "v_exponent_minus_31": (b"1e-31", 1),
    "v_exponent_of_zero": (b"0e31", 1),
    "v_exponent_of_many_digits": (b"1e" + b"9" * 100_000, 1),
    "v_exponent_of_many_zeros": (b"1e" + b"0" * 100_000, 1),
    "v_digits_41": (b"9" * 41, 1),
    "v_digits_41_behind_40": (b"[" + b"9" * 40 + b"," + b"9" * 41 + b"]", 43),
    "v_digits_41_negative": (b'{"a":"-1","b":-' + b"9" * 41 + b"}", 15),
    "v_digits_41_zeros": (b"0." + b"0" * 40, 1),
    "v_digits_100000": (b"9" * 100_000, 1),
    "v_fraction_digits_100000": (b"[true,null,0." + b"9" * 100_000 + b"]", 12),
    "v_nul": (rb'"\u0000"', 2),
    "v_nul_in_key": (rb'{"a\u0000":1}', 4),
    "v_nul_behind_escape": (rb'["\\\\","\\\u0000"]', 12),
    "v_high_surrogate": (rb'"\ud800"', 2),
    "v_high_surrogate_upper": (rb'"a\uDBFF"', 3),
    "v_low_surrogate": (rb'"\udc00"', 2),
    "v_surrogates_swapped": (rb'"\ude00\ud83d"', 2),
    "v_high_twice": (rb'"\ud83d\ud83d\ude00"', 2),
    "v_low_behind_pair": (rb'"\ud83d\ude00\ude00"', 14),
    "v_high_then_escape": (rb'"\ud83d\n"', 2),
    "v_high_then_text": (rb'"\ud83dude00"', 2),
    "v_high_then_escaped_backslash": (rb'"\ud83d\\ude00"', 2),
    "v_surrogate_in_key": (rb'{"\ud800":1}', 3),
}


@pytest.mark.case("G14")
@pytest.mark.parametrize("name", READ)
def test_read(name):
    data, expected = READ[name]
    value = parse_json(data)
    assert value == expected
    assert repr(value) == repr(expected)


@pytest.mark.case("G14")
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(name):
    with pytest.raises(BadRequest) as refused:
        parse_json(MALFORMED[name])
    assert refused.value.status == 400
    assert len(refused.value.message) < 200


@pytest.mark.case("G15")
@pytest.mark.parametrize("name", WRONG)
def test_wrong_value(name):
    data, position = WRONG[name]
    with pytest.raises(Invalid) as refused:
        parse_json(data)
    assert refused.value.status == 422
    assert refused.value.details["position"] == position
    assert f"at character {position} " in refused.value.message
    assert len(refused.value.message) < 200


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a": nul}', "The body is not JSON: Expecting value at character 7."),
        (b'["abc', "The body is not JSON: Unterminated string starting at character 2."),
        (b'["NaN", NaN]', "The body is not JSON: NaN is no number at character 9."),
        (b"[true, -Infinity]", "The body is not JSON: -Infinity is no number at character 8."),
        (b"\xef\xbb\xbf\xff", "The body is not UTF-8 at byte 4."),
        (b'{"\xc3\xa9":1,"\xc3\xa9":2}', 'The key "\\u00e9" is given twice in one object.'),
        (b"[" * 33, "The body is nested deeper than 32 levels."),
    ],
)
def test_messages_say_where(data, message):
    with pytest.raises(BadRequest) as refused:
        parse_json(data)
    assert refused.value.message == message


def test_size_is_looked_at_first():
    with pytest.raises(TooLarge) as refused:
        parse_json(b"\xff" * 11, max_bytes=10)
    assert refused.value.message == "The body has 11 bytes; the limit is 10."
    assert refused.value.details == {"limit": "bytes", "allowed": 10, "found": 11}
    assert parse_json(b"1" + b" " * 9, max_bytes=10) == 1


def test_limits_can_be_chosen():
    assert parse_json(b"[[1]]", max_depth=2) == [[1]]
    with pytest.raises(BadRequest, match=r"^The filter is nested deeper than 1 levels\.$"):
        parse_json(b"[[1]]", max_depth=1, what="The filter")
    with pytest.raises(BadRequest):
        parse_json(b"[]", max_depth=0)
    assert parse_json(b"1.25", max_digits=3) == Decimal("1.25")
    with pytest.raises(Invalid):
        parse_json(b"1.250", max_digits=3)


@pytest.mark.parametrize(
    "data",
    [
        b"[" + b"[]," * 349_000 + b"[]]",
        b"[" * 524_000 + b"]" * 524_000,
        b'["' + b'\\"' * 524_000,
        b"[" + b'"\\' * 500_000,
        b"[" * 40 + b'"",' * 340_000,
        b'["' + rb"\ud83d\ude00" * 87_000 + rb'\ud83d"]',
        b"[" + b"1," * 500_000 + b"1e99]",
        b"{" + b'"a":1,' * 170_000 + b'"b":1}',
    ],
    ids=["flat", "deep", "escapes", "quotes", "strings", "pairs", "numbers", "keys"],
)
def test_a_full_body_takes_linear_time(data):
    # A quadratic scan of a full body runs into the time limit of every test.
    outcome(data)


def outcome(data: bytes) -> object:
    """The value, or which expected error came; anything else fails the test."""
    try:
        return parse_json(data)
    except (BadRequest, TooLarge, Invalid) as error:
        return error.message.encode()


PIECES = [
    *b'[]{}:,"\\-+.eE019u',
    *(b"null", b"true", b'"a"', b"\\u0000", b"\\ud800", b"\\udc00", b"\xff", b"\xed\xa0\x80"),
    *(b"NaN", b"-Infinity", b"\xef\xbb\xbf", b"\x00", b" ", b"1e31", b"9" * 41),
]
BYTES = st.binary(max_size=60) | st.lists(
    st.sampled_from([p if isinstance(p, bytes) else bytes([p]) for p in PIECES]), max_size=25
).map(b"".join)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**39), 10**39) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.case("G14")
@given(BYTES)
def test_no_bytes_raise_anything_else(data):
    outcome(data)


@given(VALUES, st.booleans())
def test_what_was_written_is_read(value, ascii_only):
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(VALUES, st.data())
def test_a_truncated_or_bent_document_is_never_an_accident(value, data):
    written = json.dumps(value).encode()
    cut = data.draw(st.integers(0, len(written)))
    outcome(written[:cut])
    outcome(written[:cut] + data.draw(BYTES) + written[cut:])


@given(st.integers(0, 10**25), st.integers(0, 13), st.booleans())
def test_fractions_keep_the_digits_that_were_sent(whole, places, negative):
    text = f"{'-' * negative}{whole}.{'0' * places}5"
    assert str(parse_json(text.encode())) in {text, str(Decimal(text))}
    assert f"{parse_json(text.encode()):f}" == text
