# Not from a directory that is to be unmounted or removed.
cd "$ROOT/" || exit 1
status=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

say() { printf '%s: %s\n' "$1" "$2"; }
complain() { printf '%s: %s\n' "$1" "$2" >&2; status=1; }
