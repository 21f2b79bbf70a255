# remove_directory DIRECTORY: only where nothing is in it.
remove_directory() {
	inside "$ROOT$1" || return 0
	if [ ! -d "$ROOT$1" ] || [ -L "$ROOT$1" ]; then
		say 'already so' "$1"
	elif rmdir "$ROOT$1" 2> /dev/null; then
		say restored "$1"
	else
		say left "$1 is not empty, or in use"
	fi
}
