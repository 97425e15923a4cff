#!/usr/bin/env bash
# Makes the keys of a container stack: once the HS256 key that signs API tokens, and at each start the
# token in the codec server's address. The keyring that encrypts payloads is made by the programs.
set -euo pipefail
umask 077
cd /keys

random() { head -c "$1" /dev/urandom | base64 --wrap=0; }

# Written beside and renamed, so that an interrupted run leaves nothing half made.
if [ ! -s hs256.json ]; then
  printf '{"keys":[{"kid":"compose-1","secret":"%s"}]}\n' "$(random 32)" >hs256.json.new
  mv hs256.json.new hs256.json
fi
# Given, because the Web UI's address of the codec server holds it too.
printf '%s' "$SBH_CODEC_TOKEN" >codec-token
