#!/usr/bin/env bash
# The main job, from files to receipts that verify without the notary.
#
#   DATA=DIR   notarize every file below DIR instead of files made here
#   KEEP=DIR   leave everything in DIR: each file with its receipt, trust.toml, log.pub
#   BIN=DIR    where trialseal and trialseal-server are
set -euo pipefail

BIN=$(cd "${BIN:-target/release}" && pwd)
trialseal=$BIN/trialseal
server=$BIN/trialseal-server
# Output is a person's: the configuration of the demo must not touch theirs.
unset XDG_CONFIG_HOME
umask 022

step() { printf '\n== %s\n' "$*"; }
fail() { printf 'demo: %s\n' "$*" >&2; exit 1; }

# The folder that holds everything: files in files/, the notary's own in notary/.
if [ -n "${KEEP:-}" ]; then
  mkdir -p "$KEEP"
  work=$(cd "$KEEP" && pwd)
  [ -z "$(ls -A "$work")" ] || fail "$work is not empty; give an empty folder in KEEP"
else
  work=$(mktemp -d)
fi
data=
if [ -n "${DATA:-}" ]; then data=$(cd "$DATA" && pwd) || fail "there is no folder $DATA"; fi

notary_pid=
stop_notary() { if [ -n "$notary_pid" ]; then kill -"${1:-TERM}" "$notary_pid" 2>/dev/null || true; wait "$notary_pid" 2>/dev/null || true; notary_pid=; fi; }
cleanup() { stop_notary TERM; [ -n "${KEEP:-}" ] || rm -rf "$work"; }
trap cleanup EXIT

files=$work/files secrets=$work/secrets
mkdir -p "$files" "$secrets"
chmod 700 "$secrets"
config=$secrets/config.toml
run() { "$trialseal" --config "$config" "$@"; }

start_notary() {
  rm -f "$work/ready"
  mkfifo "$work/ready"
  "$server" serve --dir "$work/notary" --grpc "${grpc:-127.0.0.1:0}" >"$work/ready" 2>>"$work/notary.log" &
  notary_pid=$!
  # The first line names the ports once the log is open.
  read -r ready <"$work/ready" || fail "the notary did not start: $(tail -n 3 "$work/notary.log")"
  rm -f "$work/ready"
  grpc=${ready#*grpc=} grpc=${grpc%% *}
}

step "A notary with a new log, and a member with a signing key"
head -c 18 /dev/urandom | base64 >"$secrets/log-passphrase"
head -c 18 /dev/urandom | base64 >"$secrets/member-passphrase"
chmod 600 "$secrets"/*-passphrase
run keygen "$secrets/member.key" --organization acme --member m-4k2v9 --passphrase-file "$secrets/member-passphrase"
"$server" init --dir "$work/notary" --origin notary.example.org/2026 \
  --organization acme --member m-4k2v9 --member-key "$(cat "$secrets/member.key.pub")" \
  --passphrase-file "$secrets/log-passphrase" --token-file "$secrets/token" \
  --grpc 127.0.0.1:0 --http 127.0.0.1:0
cp "$work/notary/trust.toml" "$work/trust.toml"
cp "$work/notary/keys/log.pub" "$work/log.pub"
start_notary
run login "http://$grpc" --trust "$work/trust.toml" --token-file "$secrets/token" \
  --key "$secrets/member.key" --name 'Jane Doe' --role sponsor --passphrase-file "$secrets/member-passphrase"

submit() { run submit --passphrase-file "$secrets/member-passphrase" "$@"; }
register=trial:NCT04573309

notarize_own_files() {
  step "A protocol, its amendment, an analysis plan and two datasets"
  printf 'Protocol 1.0\nPrimary endpoint: change from baseline at week 24.\n' >"$files/protocol-v1.0.txt"
  printf 'Amendment 1\nWeek 24 becomes week 26.\n' >"$files/amendment-1.txt"
  printf 'Analysis plan 0.9\nMMRM on the full analysis set.\n' >"$files/sap-v0.9.txt"
  { echo 'USUBJID,AGE,SEX'; for i in $(seq 1 200); do echo "S-$i,$((20 + i % 60)),$((i % 2))"; done; } >"$files/adsl.csv"
  { echo 'USUBJID,PARAMCD,AVAL'; for i in $(seq 1 200); do echo "S-$i,CHG,$((i * 7 % 31))"; done; } >"$files/adtte.csv"
  cd "$files"
  submit protocol-v1.0.txt --register $register --class protocol --event finalised --version 1.0 --reason 'First version'
  submit amendment-1.txt --register $register --class protocol-amendment --event finalised --version 1 \
    --link amends=protocol-v1.0.txt.receipt.json --reason 'Longer follow-up'
  # A draft: the plan is final once a blinded statistician and a sponsor, two persons, have signed it.
  submit sap-v0.9.txt --register $register --class statistical-analysis-plan --event drafted --version 0.9 \
    --reason 'For review'
  submit adsl.csv adtte.csv --each --register $register --class dataset --event data-cut --version 1.0 --reason 'Data cut'
}

notarize_given_files() {
  step "Every file below $DATA"
  cp -R "$data/." "$files/"
  chmod -R u+w "$files"
  cd "$files"
  local class event file
  while IFS= read -r -d '' file; do
    file=${file#./}
    case $file in
      *.xpt | *.ndjson | *.dsjc | datasets/*.json) class=dataset event=data-cut ;;
      protocols/*) class=protocol event=drafted ;;
      sap/*.pdf) class=statistical-analysis-plan event=drafted ;;
      *.rtf) class=analysis-output event=executed ;;
      *) class=other event=recorded ;;
    esac
    submit "$file" --register $register --class $class --event $event --reason 'Demonstration'
  done < <(find . -type f ! -name '*.receipt.json' -print0 | sort -z)
}

if [ -n "$data" ]; then notarize_given_files; else notarize_own_files; fi

verify_all() {
  local file count=0
  while IFS= read -r -d '' file; do
    [ -f "$file.receipt.json" ] || fail "$file has no receipt"
    run verify "$file" --trust "$work/trust.toml" >"$work/verdict" 2>&1 || { cat "$work/verdict"; fail "$file does not verify"; }
    count=$((count + 1))
  done < <(find . -type f ! -name '*.receipt.json' -print0 | sort -z)
  sed -n 1,2p "$work/verdict"
  rm -f "$work/verdict"
  printf '  %d files verified, each against its receipt\n' "$count"
}

step "The notary is killed; receipts verify without it"
stop_notary KILL
verify_all

step "A file is altered by one byte"
first=$(find . -type f ! -name '*.receipt.json' | sort | head -n 1)
cp "$first" "$work/original"
printf 'x' >>"$first"
if run verify "$first" --trust "$work/trust.toml"; then fail "the altered file was not caught"; fi
mv "$work/original" "$first"

step "The notary starts again: fresh receipts of every record, against a newer checkpoint"
start_notary
run status
while IFS= read -r -d '' receipt; do
  index=$(run show "$receipt" --json | sed -n 's/.*"index": *\([0-9]*\).*/\1/p' | head -n 1)
  run get "$index" --receipt "$receipt" >/dev/null 2>&1 || fail "no fresh receipt for $receipt"
done < <(find . -type f -name '*.receipt.json' -print0 | sort -z)
verify_all
run list $register | tail -n 3

step "Done"
if [ -n "${KEEP:-}" ]; then
  printf '  %s\n' "Files and receipts: $files" "Trust: $work/trust.toml, keys: $work/log.pub" "Notary: $work/notary"
fi
