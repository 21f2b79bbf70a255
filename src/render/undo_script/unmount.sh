# unmount DIRECTORY TYPE: only what is of this type.
unmount() {
	if ! mountpoint -q "$ROOT$1"; then
		say 'already so' "$1"
	elif [ "$(stat -f -c %T "$ROOT$1")" != "$2" ]; then
		complain differs "$1 was changed since, left as it is"
	elif umount "$ROOT$1"; then
		say restored "$1"
	else
		complain failed "$1 is in use: fuser -vm $1 shows by whom; stop that and run this again"
	fi
}
