# make_directory DIRECTORY MODE OWNER: made where it is missing.
make_directory() {
	inside "$ROOT$1" || return 0
	if [ -L "$ROOT$1" ]; then
		complain differs "$1 was changed since, left as it is"
	elif { [ -d "$ROOT$1" ] || mkdir "$ROOT$1"; } && own "$3" "$ROOT$1" && chmod "$2" "$ROOT$1"; then
		say restored "$1"
	else
		complain failed "$1"
	fi
}
