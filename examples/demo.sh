#!/bin/sh
# The main job, on a copy of the example publication: import, build, check, send into the outbox.
# Usage: sh examples/demo.sh [DIR]   (DIR is made anew; default: demo)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${1:-demo}
rm -rf "$target"
cp -R "$here/ai-news-digest" "$target"
rm -rf "$target"/newsletter.db* "$target/outbox" "$target/build"
target=$(cd "$target" && pwd)
cd "$target"

run() {
  printf '\n$'
  for word in "$@"; do case $word in *[!A-Za-z0-9_./=@-]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac; done
  printf '\n'
  "$@"
}

run newsletter subscribers import subscribers.csv --consent "Made up for the example"
while IFS='	' read -r name expression; do
  run newsletter segments add "$name" "$expression"
done < segments.tsv
run newsletter build 2026-04-11
run newsletter check 2026-04-11
run newsletter send 2026-04-11 --yes
run newsletter status 2026-04-11-1

cat <<TXT

Where everything is
  the publication   $target
  the edition       $target/build/2026-04-11.html  (.txt and .eml beside it)
  the messages      $target/outbox/2026-04-11-1/   ($(ls "$target/outbox/2026-04-11-1" | wc -l | tr -d ' ') files, one per recipient)
  the ledger        newsletter -C $target log 2026-04-11-1
  in a browser      newsletter -C $target preview
TXT
