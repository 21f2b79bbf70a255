#!/bin/sh
# Makes fuzz/corpus/kernel_log out of the logs below tests/data: the first 12 KiB of each, whole and in three pieces.
set -eu
cd "$(dirname "$0")"
mkdir -p corpus/kernel_log
number=0
find ../tests/data -type f \( -name '*.txt' -o -name '*.log' -o -name '*.json' -o -name '*.jsonl' -o -name '*.export' \) |
    sort | while read -r file; do
    number=$((number + 1))
    { printf '\000'; head -c 12288 "$file"; } >"corpus/kernel_log/whole-$number"
    { printf '\003\011\377\101'; tail -c 12288 "$file"; } >"corpus/kernel_log/pieces-$number"
done
echo "$(find corpus/kernel_log -type f | wc -l) inputs in fuzz/corpus/kernel_log"
