# Where no host is, everything would look as if it were taken back already.
if [ ! -d "$ROOT/etc" ]; then
	printf 'cannot find a host below %s/: %s/etc is not there\n' "$ROOT" "$ROOT" >&2
	exit 1
fi
# Not from a directory that is to be unmounted or removed.
cd "$ROOT/" || exit 1
status=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

say() { printf '%s: %s\n' "$1" "$2"; }
complain() { printf '%s: %s\n' "$1" "$2" >&2; status=1; }
