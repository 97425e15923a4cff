#!/usr/bin/env bash
# Makes a tenant, if it is new, and prints a token for its API that is valid for 12 hours. Runs in the
# starter's container:  docker compose exec starter bash /token.sh TENANT ROLE [SUBJECT]
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: token.sh TENANT ROLE [SUBJECT]" >&2; exit 2; }
tenant=$1 role=$2 subject=${3:-compose}
for word in "$tenant" "$role" "$subject"; do
  [[ $word =~ ^[A-Za-z0-9._@-]+$ ]] || { echo "$word: use letters, digits and . _ @ -" >&2; exit 2; }
done
keys=${SBH_AUTH_HS256_KEYS_FILE:-/keys/hs256.json}

base64url() { base64 --wrap=0 | tr '+/' '-_' | tr -d '='; }

sbh-starter tenant ensure "$tenant" >&2
kid=$(sed -E 's/.*"kid": *"([^"]+)".*/\1/' "$keys")
secret=$(sed -E 's/.*"secret": *"([^"]+)".*/\1/' "$keys" | base64 --decode | od -An -v -tx1 | tr -d ' \n')
now=$(date +%s)
head=$(printf '{"alg":"HS256","typ":"JWT","kid":"%s"}' "$kid" | base64url)
claims=$(printf '{"sub":"%s","tenant":"%s","role":"%s","iss":"sbh","aud":"sbh-api","iat":%s,"exp":%s}' \
  "$subject" "$tenant" "$role" "$now" "$((now + 43200))" | base64url)
signature=$(printf '%s.%s' "$head" "$claims" |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$secret" -binary | base64url)
printf '%s.%s.%s\n' "$head" "$claims" "$signature"
