#!/bin/sh
# Calls every documented endpoint of Pocket Trend once, in an order that makes sense.
#
#   docs/every-endpoint.sh [BASE] [MAIL]
#
#   BASE  where the server listens         (http://127.0.0.1:8000)
#   MAIL  the folder of its outgoing mail  (.pockettrend/mail)
#
# It needs curl 7.82 or newer (for --json), python3 and a server started with `make serve`.  Each line it prints is the status,
# the method and the path of one call; it stops at the first answer that is not the expected one.
# Two people are made for it, so that they can share a group; nothing else on the server is touched.

set -eu

base=${1:-http://127.0.0.1:8000}
mail=${2:-.pockettrend/mail}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
token=none

# call EXPECTED METHOD PATH [arguments of curl]: one call as the person who holds $token.
# The answer is left in $work/body for `pick`.
call() {
  expected=$1 method=$2 path=$3
  shift 3
  status=$(curl -sS -o "$work/body" -w '%{http_code}' -X "$method" "$base/v1$path" \
    -H "Authorization: Bearer $token" "$@")
  echo "$status $method $path"
  if [ "$status" != "$expected" ]; then
    echo "expected $expected, and was told:" >&2
    cat "$work/body" >&2
    exit 1
  fi
}

# pick KEY...: one value of the last answer's data, for example `pick items 0 id`.
pick() {
  python3 - "$work/body" "$@" <<'PYTHON'
import json, sys
value = json.load(open(sys.argv[1], encoding="utf-8"))["data"]
for key in sys.argv[2:]:
    value = value[int(key)] if isinstance(value, list) else value[key]
print(value)
PYTHON
}

# mailed ADDRESS WORD: the token of the newest mail to an address; mails are written by a worker.
mailed() {
  for _ in $(seq 100); do
    file=$(grep -l "^To:.*$1" "$mail"/*.eml 2>/dev/null | xargs -r grep -l "$2" | xargs -r ls -t |
      head -n 1)
    if [ -n "$file" ]; then
      python3 - "$file" <<'PYTHON'
import email, email.policy, re, sys
with open(sys.argv[1], "rb") as file:
    text = email.message_from_binary_file(file, policy=email.policy.default).get_content()
print(re.search(r'"token": "([^"]+)"', text)[1])
PYTHON
      return
    fi
    sleep 0.1
  done
  echo "no mail to $1 in $mail" >&2
  exit 1
}

# until_import WORD: asks for the import until its status is WORD; a worker reads the file.
until_import() {
  for _ in $(seq 100); do
    [ "$(curl -sS "$base/v1/imports/$import" -H "Authorization: Bearer $token" |
      python3 -c 'import json,sys; print(json.load(sys.stdin)["data"]["status"])')" = "$1" ] && return
    sleep 0.1
  done
  echo "the import $import is not $1" >&2
  exit 1
}

echo "# Authentication and users"
tag=$(date +%s)-$$
ada="ada-$tag@example.org" ben="ben-$tag@example.org"
password='correct horse battery staple 9'

call 201 POST /auth/register --json "{\"email\":\"$ben\",\"password\":\"$password\",\"name\":\"Ben\"}"
ben_id=$(pick user id) ben_token=$(pick accessToken)
call 201 POST /auth/register --json "{\"email\":\"$ada\",\"password\":\"$password\",\"name\":\"Ada\",
  \"baseCurrency\":\"EUR\",\"timeZone\":\"Europe/Vilnius\",\"locale\":\"en-GB\"}"
ada_id=$(pick user id)
call 202 POST /auth/forgot-password --json "{\"email\":\"$ada\"}"
reset=$(mailed "$ada" reset-password)
password='another good long passphrase 7'
call 200 POST /auth/reset-password --json "{\"token\":\"$reset\",\"password\":\"$password\"}"
call 200 POST /auth/login --json "{\"email\":\"$ada\",\"password\":\"$password\"}"
refresh=$(pick refreshToken)
call 200 POST /auth/refresh --json "{\"refreshToken\":\"$refresh\"}"
token=$(pick accessToken)
call 200 GET /auth/me
call 200 PUT /auth/me --json '{"name":"Ada L."}'

echo "# Categories"
call 200 GET /categories
call 201 POST /categories --json '{"name":"Bicycles","kind":"EXPENSE","color":"#228833"}'
category=$(pick id)
call 200 GET "/categories/$category"
call 200 PUT "/categories/$category" --json '{"name":"Bicycle"}'
call 201 POST /categories --json '{"name":"Spare","kind":"EXPENSE"}'
spare=$(pick id)
call 200 DELETE "/categories/$spare"

echo "# Accounts"
call 201 POST /accounts --json '{"name":"Checking","type":"CHECKING","currency":"EUR",
  "openingBalance":"250.00"}'
account=$(pick id)
call 201 POST /accounts --json '{"name":"Old purse","type":"CASH","currency":"EUR"}'
purse=$(pick id)
call 200 GET /accounts
call 200 GET "/accounts/$account"
call 200 PUT "/accounts/$account" --json '{"institution":"Northern Bank"}'
call 200 GET "/accounts/$account/balance?asOf=2026-06-30"
call 200 DELETE "/accounts/$purse"

echo "# Transactions"
call 201 POST /transactions -H 'Idempotency-Key: first-row' --json "{\"accountId\":\"$account\",
  \"categoryId\":\"$category\",\"date\":\"2026-06-01\",\"amount\":\"-39.90\",\"description\":\"Tyres\"}"
transaction=$(pick id)
call 200 GET "/transactions?from=2026-01-01&search=tyres&sort=-amount&limit=10"
call 200 GET "/transactions/$transaction"
call 200 PUT "/transactions/$transaction" --json '{"tags":["spring"],"notes":"front and back"}'
call 201 POST /transactions --json "{\"accountId\":\"$account\",\"date\":\"2026-06-02\",
  \"amount\":\"-1.00\",\"description\":\"A mistake\"}"
mistake=$(pick id)
call 200 DELETE "/transactions/$mistake"
call 200 POST /transactions/bulk --json "{\"transactions\":[
  {\"accountId\":\"$account\",\"date\":\"2026-06-03\",\"amount\":\"2100.00\",\"description\":\"Salary\"},
  {\"accountId\":\"$account\",\"date\":\"2026-06-04\",\"amount\":\"-12.50\",\"description\":\"Lunch\"}]}"
salary=$(pick results 0 id) lunch=$(pick results 1 id)
call 200 PUT /transactions/bulk --json "{\"transactions\":[{\"id\":\"$salary\",\"payee\":\"Works Ltd\"},
  {\"id\":\"$lunch\",\"payee\":\"Corner cafe\"}]}"
call 200 DELETE /transactions/bulk --json "{\"ids\":[\"$lunch\"]}"
call 200 GET "/accounts/$account/transactions"

echo "# Budgets"
call 201 POST /budgets --json "{\"name\":\"Household\",\"period\":\"MONTHLY\",\"startDate\":\"2026-01-01\",
  \"currency\":\"EUR\",\"items\":[{\"categoryId\":\"$category\",\"amount\":\"60.00\",\"carry\":\"SURPLUS\"}]}"
budget=$(pick id)
call 200 GET /budgets
call 200 GET "/budgets/$budget"
call 200 PUT "/budgets/$budget" --json '{"name":"Our household"}'
call 201 POST /categories --json '{"name":"Garden","kind":"EXPENSE"}'
garden=$(pick id)
call 201 POST "/budgets/$budget/items" --json "{\"categoryId\":\"$garden\",\"amount\":\"25.00\"}"
item=$(pick id)
call 200 GET "/budgets/$budget/items"
call 200 PUT "/budgets/$budget/items/$item" --json '{"amount":"30.00"}'
call 200 GET "/budgets/$budget/analysis?date=2026-06-15"
call 200 DELETE "/budgets/$budget/items/$item"

echo "# Groups and invitations"
call 201 POST /groups --json '{"name":"Flat","currency":"EUR"}'
group=$(pick id)
call 201 POST /groups --json '{"name":"Sailing","currency":"EUR"}'
other_group=$(pick id)
call 200 GET /groups
call 200 GET "/groups/$group"
call 200 PUT "/groups/$group" --json '{"name":"Our flat"}'
call 202 POST "/groups/$group/members" --json "{\"email\":\"$ben\",\"role\":\"MEMBER\"}"
call 202 POST /invitations --json "{\"groupId\":\"$other_group\",\"email\":\"$ben\",\"role\":\"VIEWER\"}"
other_invitation=$(pick id)
call 202 POST /invitations --json "{\"groupId\":\"$other_group\",\"email\":\"cy-$tag@example.org\",
  \"role\":\"MEMBER\"}"
spare_invitation=$(pick id)
call 200 DELETE "/invitations/$spare_invitation"
ada_token=$token token=$ben_token
call 200 GET /invitations
invitation=$(python3 - "$work/body" "$group" <<'PYTHON'
import json, sys
items = json.load(open(sys.argv[1], encoding="utf-8"))["data"]["items"]
print(next(one["id"] for one in items if one["groupId"] == sys.argv[2]))
PYTHON
)
call 200 PUT "/invitations/$invitation/accept"
call 200 PUT "/invitations/$other_invitation/decline"
token=$ada_token
call 200 GET "/groups/$group/members"
call 201 POST "/groups/$group/transactions" --json "{\"date\":\"2026-06-05\",\"amount\":\"100.01\",
  \"description\":\"Power\",\"splitMethod\":\"EQUAL\",\"accountId\":\"$account\"}"
call 200 GET "/groups/$group/transactions"
call 200 GET "/groups/$group/balances"
owed=$(python3 - "$work/body" "$ben_id" <<'PYTHON'
import json, sys
balances = json.load(open(sys.argv[1], encoding="utf-8"))["data"]["balances"]
print(next(one["net"] for one in balances if one["userId"] == sys.argv[2]).lstrip("-"))
PYTHON
)
call 201 POST "/groups/$group/transactions" --json "{\"kind\":\"SETTLEMENT\",\"date\":\"2026-06-06\",
  \"amount\":\"$owed\",\"description\":\"Power, paid back\",
  \"paidBy\":[{\"userId\":\"$ben_id\",\"amount\":\"$owed\"}],
  \"splitMethod\":\"EXACT\",\"shares\":[{\"userId\":\"$ada_id\",\"amount\":\"$owed\"}]}"
call 201 POST "/groups/$other_group/members" --json "{\"userId\":\"$ben_id\",\"role\":\"VIEWER\"}"
call 200 DELETE "/groups/$group/members/$ben_id"
call 200 DELETE "/groups/$other_group"

echo "# Recurring templates"
call 201 POST /templates --json "{\"name\":\"Rent\",\"accountId\":\"$account\",\"amount\":\"-700.00\",
  \"description\":\"Rent\",\"frequency\":\"MONTHLY\",\"interval\":1,\"dayOfMonth\":31,
  \"startDate\":\"2026-01-31\"}"
template=$(pick id)
call 200 GET /templates
call 200 GET "/templates/$template"
call 200 PUT "/templates/$template" --json '{"weekendPolicy":"AFTER"}'
call 201 POST "/templates/$template/execute" --json '{}'
call 200 DELETE "/templates/$template"

echo "# Files and imports"
printf 'Date,Description,Amount\n2026-06-07,Bakery,-4.20\n2026-06-08,Book shop,-18.00\n' \
  > "$work/june.csv"
call 201 POST /uploads -F "file=@$work/june.csv;type=text/csv" -F purpose=STATEMENT
upload=$(pick id)
call 200 GET "/uploads/$upload"
call 202 POST /imports/csv --json "{\"uploadId\":\"$upload\",\"accountId\":\"$account\"}"
import=$(pick id)
until_import COMPLETED
call 200 GET /imports
call 200 GET "/imports/$import"
# Amounts without a sign: nothing says whether money came or went, so the import asks.
printf 'Date,Description,Amount\n2026-06-09,Ferry,31.00\n2026-06-10,Hotel,88.00\n' > "$work/trip.csv"
call 202 POST /imports/csv -F "file=@$work/trip.csv" -F "accountId=$account"
import=$(pick id)
until_import PENDING
call 202 POST "/imports/$import/process" --json '{"mapping":{"signRule":"NEGATED"}}'
until_import COMPLETED
printf '\211PNG\r\n\032\n' > "$work/receipt.png"
call 201 POST /uploads -F "file=@$work/receipt.png;type=image/png" -F purpose=RECEIPT \
  -F "transactionId=$transaction"
receipt=$(pick id)
call 200 DELETE "/uploads/$receipt"

echo "# Analytics and reports"
call 200 GET "/analytics/net-worth?from=2026-01-01&to=2026-06-30"
call 200 GET "/analytics/spending-trends?from=2026-01-01&to=2026-06-30&groupBy=PAYEE"
call 200 GET "/analytics/category-breakdown?from=2026-06-01&to=2026-06-30"
call 200 GET "/analytics/monthly-summary?from=2026-01-01&to=2026-06-30"
call 200 GET "/analytics/budget-performance?from=2026-01-01&to=2026-06-30"
call 200 DELETE "/budgets/$budget"
call 200 GET "/analytics/export/csv?from=2026-06-01&to=2026-06-30"
call 200 GET /analytics/export/json
call 200 GET "/analytics/export/pdf?from=2026-01-01&to=2026-06-30"

echo "# Notifications"
token=$ben_token
for _ in $(seq 100); do
  curl -sS "$base/v1/notifications" -H "Authorization: Bearer $token" -o "$work/body"
  grep -q '"GROUP_EXPENSE"' "$work/body" && break
  sleep 0.1
done
call 200 GET "/notifications?unread=true"
notification=$(pick items 0 id)
call 200 PUT "/notifications/$notification/read"
call 200 DELETE "/notifications/$notification"
token=$ada_token

echo "# Health, and goodbye"
call 200 GET /health
call 200 GET /health/detailed
call 200 POST /auth/logout
call 401 GET /auth/me
echo "done: every documented endpoint answered as it should"
