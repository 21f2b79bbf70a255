#!/bin/sh
# Makes fuzz/corpus out of the logs below tests/data: the first 12 KiB of each, whole and in pieces.
set -eu
cd "$(dirname "$0")"
mkdir -p corpus/kernel_log corpus/gunicorn_log
number=0
find ../tests/data -type f \( -name '*.txt' -o -name '*.log' -o -name '*.json' -o -name '*.jsonl' -o -name '*.export' \) |
    sort | while read -r file; do
    number=$((number + 1))
    { printf '\000'; head -c 12288 "$file"; } >"corpus/kernel_log/whole-$number"
    { printf '\003\011\377\101'; tail -c 12288 "$file"; } >"corpus/kernel_log/pieces-$number"
    { printf '\377'; head -c 12288 "$file"; } >"corpus/gunicorn_log/whole-$number"
    { printf '\003'; tail -c 12288 "$file"; } >"corpus/gunicorn_log/pieces-$number"
done
for target in kernel_log gunicorn_log; do
    echo "$(find "corpus/$target" -type f | wc -l) inputs in fuzz/corpus/$target"
done
