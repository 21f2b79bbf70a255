# restore_link LINK LEFT BEFORE: the texts of the link; empty where none is.
restore_link() {
	link=$ROOT$1
	inside "$link" || return 0
	now=
	[ ! -L "$link" ] || now=$(readlink "$link")
	if [ -e "$link" ] && [ ! -L "$link" ]; then
		complain differs "$1 was changed since, left as it is"
	elif [ "$now" = "$3" ]; then
		say 'already so' "$1"
	elif [ "$now" != "$2" ]; then
		complain differs "$1 was changed since, left as it is"
	elif rm -f "$link" && { [ -z "$3" ] || ln -s -- "$3" "$link"; }; then
		say restored "$1"
	else
		complain failed "$1"
	fi
}
