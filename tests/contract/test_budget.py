"""What documents may ask for: each limit at its edge, attacks that multiply, and the cost."""

import gc

import pytest
from graphql import (
    DocumentNode,
    build_schema,
    get_introspection_query,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st

from graph.budget import Budget, Cost, Limits, parse_within
from resolvers.errors import BadRequest, Invalid, TooComplex

SCHEMA = build_schema(
    """
    type Query {
      a: Query
      id: ID
      named(name: String): ID
      node(id: ID!): Node
      nodes(ids: [ID!]!): [Node]!
      accounts(first: Int, last: Int, after: String): AccountConnection!
      small(first: Int = 3): AccountConnection!
      recent(first: Int): [Account!]!
      currencies: [Currency!]!
    }
    interface Node { id: ID! }
    type Account implements Node {
      id: ID!
      currency: Currency!
      transactions(first: Int, last: Int): TransactionConnection!
    }
    type Transaction implements Node { id: ID! account: Account! currency: Currency! }
    type Currency implements Node { id: ID! }
    type PageInfo { hasNextPage: Boolean! }
    type AccountConnection { edges: [AccountEdge!]! nodes: [Account!]! pageInfo: PageInfo! }
    type AccountEdge { node: Account! cursor: String! }
    type TransactionConnection { edges: [TransactionEdge!]! }
    type TransactionEdge { node: Transaction! }
    type Mutation { login: ID register: ID rename: Account }
    type Subscription { changed: Account }
    """
)
LIMITS = Limits()
WIDE = ("sameName", 50, 52)
BUDGET = Budget(SCHEMA, LIMITS, frozenset({"login", "register"}))


def check(text: str, operation_name: str | None = None, **variables: object) -> Cost:
    return BUDGET.check(parse_within(text, LIMITS), operation_name, variables)


def refusal(text: str, **variables: object) -> tuple[str, int, int]:
    with pytest.raises(TooComplex) as refused:
        check(text, **variables)
    error = refused.value
    assert error.message.endswith(".")
    assert len(error.message) < 100
    details = error.details
    return details["limit"], details["allowed"], details["found"]


def fan_out(levels: int, spreads: int = 2) -> str:
    chain = (f"fragment F{i} on Query {{{f' ...F{i + 1}' * spreads}}}" for i in range(levels))
    return f"{{ ...F0 }} {' '.join(chain)} fragment F{levels} on Query {{ id }}"


def nested(levels: int) -> str:
    """A query whose leaf is on that level."""
    return "{ " + "a { " * (levels - 1) + "id" + " }" * levels


def test_every_message_names_the_limit_and_what_was_found():
    with pytest.raises(TooComplex) as refused:
        check(nested(11))
    assert refused.value.message == "The document is 11 levels deep; the limit is 10."
    assert refused.value.details == {"limit": "depth", "allowed": 10, "found": 11}
    assert refused.value.code == "QUERY_TOO_COMPLEX"


@pytest.mark.case("G01", "G03", "G04", "G06", "G13")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (fan_out(22), ("fields", 500, 2**22)),
        (fan_out(140), ("fields", 500, 1_000_000_000)),
        ("{" + "id " * 480 + "}", ("rootFields", 20, 480)),
        ("{a{" + "id " * 480 + "}}", ("sameName", 5, 480)),
        ("{" + "accounts{nodes{id}} " * 340 + "}", ("tokens", 2_000, 2_001)),
        ("{" + "a{id} " * 300 + "}", ("fields", 500, 600)),
        ("{" + "a{id} " * 6 + "}", ("sameName", 5, 6)),
        ("{" + "id " * 6 + "}", ("sameName", 5, 6)),
        ("{" + "...{a{id}} " * 6 + "}", ("sameName", 5, 6)),
        ("{" + "a{a{id} a{id}} " * 3 + "}", ("sameName", 5, 6)),
        ("{" + "...on Query{a{id}} " * 3 + "a{id} " * 3 + "}", ("sameName", 5, 6)),
        ("{" + "...{named(name:1)} " * 6 + "}", ("sameName", 5, 6)),
        ("{a{" + "...{id} " * 51 + "}}", ("sameName", 50, 51)),
        ("{" + "".join(f"...on T{i}{{a{{{'a{id}' * 4}}}}}" for i in range(13)) + "}", WIDE),
        ("{id} fragment Unused on Query {" + "id " * 6 + "}", ("sameName", 5, 6)),
        ("{a{" + " ".join(f"x{i}:id" for i in range(31)) + "}}", ("aliases", 30, 31)),
        (
            "{" + "a{...F}" * 2 + "a{x:id}} fragment F on Query {"
            "...on Query{" + " ".join(f"x{i}:id" for i in range(15)) + "}}",
            ("aliases", 30, 31),
        ),
        ("{id " + "@skip(if:false)" * 21 + "}", ("directives", 20, 21)),
        ("{id " + "@unknown" * 21 + "}", ("directives", 20, 21)),
        ("{id @a @a @a}", ("directivesPerLocation", 2, 3)),
        ("query @a @a @a {id}", ("directivesPerLocation", 2, 3)),
        ("query ($n: Int @a @a @a) {id}", ("directivesPerLocation", 2, 3)),
        ("{... @a @a @a {id}}", ("directivesPerLocation", 2, 3)),
        ("{...F @a @a @a} fragment F on Query {id}", ("directivesPerLocation", 2, 3)),
        ("{...F} fragment F on Query @a @a @a {id}", ("directivesPerLocation", 2, 3)),
        ("{a{" + "".join(f"f{i} @x " for i in range(21)) + "}}", ("directives", 20, 21)),
        (nested(11), ("depth", 10, 11)),
        ("{a{a{a{a{a{...F}}}}}} fragment F on Query {a{a{a{a{a{id}}}}}}", ("depth", 10, 11)),
        ("{...{a{...on Query{" + "a{" * 9 + "id" + "}" * 13, ("depth", 10, 11)),
        ("{" + " ".join(f"f{i}" for i in range(21)) + "}", ("rootFields", 20, 21)),
        ("mutation{" + " ".join(f"f{i}" for i in range(6)) + "}", ("rootMutations", 5, 6)),
        ("mutation{" + " ".join(f"l{i}:login" for i in range(6)) + "}", ("authMutations", 1, 6)),
        ("mutation{login register}", ("authMutations", 1, 2)),
        ("mutation{login ...F} fragment F on Mutation {register}", ("authMutations", 1, 2)),
        ("mutation{login ...on Mutation{register}}", ("authMutations", 1, 2)),
        ("{" + "...{" * 64 + "id" + "}" * 65, ("nesting", 64, 65)),
        ("{named(name:" + "[" * 63 + "]" * 63 + ")}", ("nesting", 64, 65)),
        (fan_out(64, spreads=1), ("nesting", 64, 66)),
        (
            "{...A}" + " fragment A on Query {" + "...B " * 33 + "}"
            " fragment B on Query {" + "...C " * 33 + "} fragment C on Query {}",
            ("selections", 1_000, 1 + 33 + 33 * 33),
        ),
        ("{...A} fragment A on Query {...A}", ("fragmentCycle", 0, 1)),
        (
            "{id} fragment A on Query {a{...B}} fragment B on Query {...on Query{...A}}",
            ("fragmentCycle", 0, 1),
        ),
        (
            "{accounts{edges{node{transactions{edges{node{id}}}}}}}",
            ("cost", 5_000, 1 + 50 * (3 + 50 * 2)),
        ),
        ("{" + "a{id}" * 5 + "} {" + "a{id}" * 6 + "}", ("sameName", 5, 6)),
    ],
)
def test_over_a_limit(text, expected):
    assert refusal(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        nested(10),
        "{" + " ".join(f"f{i}" for i in range(20)) + "}",
        "{" + "a{id} " * 5 + "}",
        "{a{" + "...{id} " * 50 + "}}",
        "{a{" + " ".join(f"x{i}:id" for i in range(30)) + "}}",
        "{a{" + "".join(f"f{i} @x @y " for i in range(10)) + "}}",
        "{a{" + " ".join(f"f{i}" for i in range(499)) + "}}",
        "mutation{login a b c d __typename}",
        "subscription{changed{id}}",
        "{named(name:" + "[" * 62 + "]" * 62 + ")}",
        "{...Unknown}",
        "{unknown{unknown(first:1000000){id}}}",
        "{id} {id} {id}",
        "type A { a: A }",
        "{}",
        # The same field of six types is one field of each.
        "{node(id:1){" + " ".join(f"...on T{i}{{a{{a{{id}}}}}}" for i in range(6)) + "}}",
        # Fragments that each ask for __typename and id, as clients with a cache write them.
        "{a{__typename "
        + " ".join(f"...F{i}" for i in range(8))
        + "}}"
        + "".join(f" fragment F{i} on Query {{__typename id}}" for i in range(8)),
        # One fragment spread six times is merged into one.
        "{" + "...F " * 6 + "} fragment F on Query {a{id}}",
    ],
)
def test_at_the_limit(text):
    check(text)


@pytest.mark.case("G01")
@pytest.mark.timeout(10)
@pytest.mark.parametrize("levels", [22, 140])
def test_fan_out_is_refused_at_once(levels):
    document = parse(fan_out(levels))
    with pytest.raises(TooComplex):
        BUDGET.check(document)


@pytest.mark.case("G06")
def test_a_long_chain_of_fragments_does_not_recurse():
    chain = "".join(f" fragment F{i} on Query {{a{{...F{i + 1}}}}}" for i in range(5_000))
    document = parse(f"{{...F0}}{chain} fragment F5000 on Query {{id}}")
    with pytest.raises(TooComplex) as refused:
        BUDGET.check(document)
    assert refused.value.details["limit"] == "fields"


def test_two_fragments_of_one_name_are_both_counted():
    twice = "{...F} fragment F on Query {a{a{id}}} fragment F on Query {a{id}}"
    assert check(twice).fields == 5
    assert check(twice).requested == 3


def test_bytes_and_tokens():
    with pytest.raises(TooComplex) as refused:
        parse_within("{id}" + " " * 20_000, LIMITS)
    assert refused.value.details == {"limit": "bytes", "allowed": 20_000, "found": 20_004}
    with pytest.raises(TooComplex) as refused:
        parse_within("#" + "é" * 10_000 + "\n{id}", LIMITS)
    assert refused.value.details["found"] == 20_006
    parse_within("{id}" + " " * 19_996, LIMITS)
    parse_within("{" + "id " * 1_998 + "}", LIMITS)
    with pytest.raises(TooComplex) as refused:
        parse_within("{" + "id " * 1_999 + "}", LIMITS)
    assert refused.value.details == {"limit": "tokens", "allowed": 2_000, "found": 2_001}


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("", {"line": 1, "column": 1}),
        ("{", {"line": 1, "column": 2}),
        ("{\n  id }}", {"line": 2, "column": 7}),
        ('{named(name:"\ud800")}', {"line": 1, "column": 14}),
        ("{" + "a{" * 900, None),
        ("\ud800", {"line": 1, "column": 1}),
        ("{\0}", {"line": 1, "column": 2}),
        ("x" * 10_000, {"line": 1, "column": 1}),
    ],
)
def test_syntax_errors_have_a_place(text, location):
    with pytest.raises(BadRequest) as refused:
        parse_within(text, LIMITS)
    assert len(refused.value.message) <= 200
    (place,) = refused.value.details["locations"]
    assert location is None or place == location


@pytest.mark.case("G15")
@pytest.mark.parametrize("text", ['{named(name:"\\u0000")}', '{named(name:"\0")}'])
def test_nul_in_a_string_is_refused(text):
    with pytest.raises(Invalid) as refused:
        parse_within(text, LIMITS)
    assert refused.value.details["locations"] == [{"line": 1, "column": 13}]


@pytest.mark.case("G06")
def test_introspection_passes_without_cost():
    plain = check(get_introspection_query())
    assert (plain.requested, plain.depth) == (0, 15)
    options = "specified_by_url directive_is_repeatable schema_description one_of"
    full = dict.fromkeys([*options.split(), "input_value_deprecation"], True)
    assert check(get_introspection_query(**full)).requested == 0


@pytest.mark.case("G06")
def test_introspection_has_limits_of_its_own():
    chain = "{__type(name:1){" + "ofType{" * 14 + "name" + "}" * 16
    assert check(chain).depth == 16
    assert refusal(chain.replace("name}", "ofType{name}}")) == ("introspectionDepth", 16, 17)
    pile = get_introspection_query().replace(
        "__schema", "a: __schema { ...X } b: __schema { ...X } c: __schema"
    )
    pile += " fragment X on __Schema { types { ...FullType } }"
    assert refusal(pile)[0] == "fields"
    deep_data = "{__schema{types{name}} " + nested(11)[1:]
    assert refusal(deep_data) == ("depth", 10, 11)


@pytest.mark.parametrize(
    ("text", "requested"),
    [
        ("{id}", 0),
        ("{a{id}}", 1),
        ("{a{a{id}} b:a{id}}", 3),
        ("{accounts(first:10){edges{node{id}}}}", 1 + 10 * 2),
        ("{accounts(first:10){edges{node{id}} pageInfo{hasNextPage}}}", 1 + 10 * 2 + 1),
        ("{accounts(last:10){nodes{id}}}", 1 + 10),
        ("{accounts(first:2 last:10){nodes{id}}}", 1 + 10),
        ("{accounts{nodes{id}}}", 1 + 50),
        ("{accounts(first:null){nodes{id}}}", 1 + 50),
        ("{accounts(first:0){nodes{id}}}", 1),
        ("{accounts(first:-1){nodes{id}}}", 1 + 100),
        ('{accounts(first:"9"){nodes{id}}}', 1 + 100),
        ("{accounts(first:$n){nodes{id}}}", 1 + 100),
        ("{small{nodes{id}}}", 1 + 3),
        ("{recent(first:7){id}}", 7),
        ("{recent(first:7){id currency{id}}}", 14),
        ("{currencies{id}}", 10),
        ("{nodes(ids:[1,2,3]){id}}", 3),
        ("{nodes(ids:$ids){id}}", 100),
        ("{accounts(first:5){...P}} fragment P on AccountConnection{nodes{id}}", 1 + 5),
        ("{accounts(first:5){...on AccountConnection{nodes{id}}}}", 1 + 5),
        ("{unknown{id}}", 1),
        ("{a{unknown(first:50){x{y}}}}", 3),
        ("{__typename __schema{types{name}}}", 0),
        ("mutation{rename{id}}", 1),
        (
            "{accounts(first:10){edges{node{transactions(first:5){edges{node{account{id}}}}}}}}",
            1 + 10 * (2 + 1 + 5 * 3),
        ),
    ],
)
def test_cost(text, requested):
    assert check(text).requested == requested


def test_cost_follows_the_variables():
    text = "query Q($n: Int, $d: Int = 4) { accounts(first: $n, last: $d) { nodes { id } } }"
    document = parse_within(text, LIMITS)
    sent = [{}, {"n": 3}, {"n": 30}, {"n": None, "d": None}, {"n": 2, "d": "x"}, {"n": True}]
    costs = [BUDGET.check(document, "Q", variables).requested - 1 for variables in sent]
    assert costs == [100, 4, 30, 50, 100, 100]
    assert BUDGET.check(document, "Q", {"n": 2, "d": None}).requested == 3
    listed = "query($ids:[ID!]!){nodes(ids:$ids){id}}"
    assert check(listed, ids=["x"] * 7).requested == 7


def test_cost_over_the_limit_depends_on_variables():
    text = "query($n:Int!){accounts(first:$n){nodes{transactions(first:$n){edges{node{id}}}}}}"
    assert check(text, n=49).requested == 1 + 49 * (2 + 49 * 2)
    assert refusal(text, n=50) == ("cost", 5_000, 1 + 50 * (2 + 50 * 2))
    assert refusal(text, n=10**5000) == ("cost", 5_000, 1_000_000_000)
    assert check(text, n=1).requested == 5


@pytest.mark.case("G02")
def test_products_stop_growing():
    digits = "9" * 5_000
    text = "{accounts(first:%s){nodes{transactions(first:%s){edges{node{id}}}}}}"
    assert refusal(text % (digits, digits)) == ("cost", 5_000, 1_000_000_000)
    three = (
        "{accounts(first:100){edges{node{transactions(first:100){edges{node{account{"
        "transactions(first:100){edges{__typename}}}}}}}}}}"
    )
    assert refusal(three) == ("cost", 5_000, 1 + 100 * (2 + 1 + 100 * (3 + 1 + 100)))


def test_the_operation_is_chosen_by_name():
    text = "query A {a{id}} query B {a{a{id}}} fragment F on Query {id}"
    assert check(text, "A") == Cost(requested=1, limit=5_000, fields=2, depth=2)
    assert check(text, "B") == Cost(requested=2, limit=5_000, fields=3, depth=3)
    nothing_runs = Cost(requested=0, limit=5_000, fields=0, depth=0)
    assert check(text) == check(text, "C") == check("{id}", "C") == nothing_runs


def test_counts_are_remembered_as_long_as_the_document_lives():
    budget = Budget(SCHEMA)
    document = parse("{a{id}}")
    first = budget.check(document)
    assert budget.check(document) == first
    assert len(budget._known) == 1
    del document
    gc.collect()
    assert not budget._known


NAMES = st.sampled_from(["a", "id", "accounts", "nodes", "edges", "__schema", "__type", "x"])
ARGUMENTS = st.sampled_from(
    ["", "(first:3)", "(first:$n)", "(last:-1)", "(ids:[1])", "@a", "@a@a@a"]
)
LEAVES = st.builds("{}{}{}".format, st.sampled_from(["", "y:", "id:"]), NAMES, ARGUMENTS)
LEAVES |= st.sampled_from(["...F", "...G @x", "...H"])
OWNERS = NAMES | st.sampled_from(["...", "...on Query", "...on __Type", "...on ID", "x:a"])
SELECTIONS = st.recursive(
    LEAVES,
    lambda inner: st.builds("{}{{{}}}".format, OWNERS, st.lists(inner, max_size=4).map(" ".join)),
    max_leaves=12,
)
HEADS = st.sampled_from(["query A($n:Int=5)", "query", "mutation", "subscription"])
HEADS |= st.sampled_from([f"fragment {name}" for name in ("F on Query", "G on Account", "H on X")])
BODIES = st.lists(SELECTIONS, max_size=3).map(" ".join)
DEFINITIONS = st.builds("{}{{{}}}".format, HEADS, BODIES)
DOCUMENTS = st.lists(DEFINITIONS, min_size=1, max_size=5).map(" ".join)


@given(
    DOCUMENTS,
    st.sampled_from([None, "A", "B"]),
    st.dictionaries(
        st.sampled_from(["n", "m"]),
        st.none() | st.integers() | st.text() | st.booleans() | st.lists(st.integers()),
    ),
)
def test_nothing_but_too_complex_is_raised(text, operation_name, variables):
    document: DocumentNode = parse(text)
    budget = Budget(SCHEMA, LIMITS, frozenset({"a"}))
    outcomes = []
    for _ in range(2):
        try:
            outcomes.append(budget.check(document, operation_name, variables))
        except TooComplex as error:
            outcomes.append((error.message, *error.details.values()))
    assert outcomes[0] == outcomes[1]
    if isinstance(outcomes[0], Cost):
        assert 0 <= outcomes[0].requested <= LIMITS.cost
        assert outcomes[0].fields <= LIMITS.fields


def test_an_empty_name_is_no_name() -> None:
    text = "query A($n: Int) { accounts(first: $n) { nodes { id } } }"
    assert check(text, "", n=7) == check(text, "A", n=7) == check(text, None, n=7)
    assert check(text, "", n=7).requested == 8
    assert check(f"{text} query B {{ id }}", "").requested == 0, "nothing can run"


def test_before_variables_are_known_they_are_taken_for_the_least() -> None:
    text = (
        "query ($n: Int, $m: Int) { accounts(first: $n) { nodes { transactions(first: $m) "
        "{ edges { node { id } } } } } }"
    )
    document = parse_within(text, LIMITS)
    BUDGET.check_text(document)
    assert BUDGET.check(document, None, {"n": 3, "m": 5}).requested < 50
    with pytest.raises(TooComplex):
        BUDGET.check(document, None, {"n": 100, "m": 100})
    with pytest.raises(TooComplex):
        BUDGET.check_text(parse_within(fan_out(10), LIMITS))
    with pytest.raises(TooComplex):
        BUDGET.check_text(
            parse_within(text.partition(")")[2].replace("$n", "99").replace("$m", "99"), LIMITS)
        )
