# holds FILE IMAGE: whether it has these bytes. An image that was not made stands for no file.
holds() {
	if [ -e "$2" ]; then
		[ -f "$1" ] && [ ! -L "$1" ] && cmp -s "$1" "$2"
	else
		[ ! -e "$1" ] && [ ! -L "$1" ]
	fi
}

# replace FILE IMAGE: other bytes at once; mode, owner and attributes stay.
replace() {
	new=$(mktemp "$1.XXXXXX") || return 1
	if cp -a "$1" "$new" && cat "$2" > "$new" && mv -f "$new" "$1"; then return 0; fi
	rm -f "$new"
	return 1
}

# make FILE IMAGE MODE OWNER
make() {
	new=$(mktemp "$1.XXXXXX") || return 1
	if cat "$2" > "$new" && own "$4" "$new" && chmod "$3" "$new" && mv -f "$new" "$1"; then return 0; fi
	rm -f "$new"
	return 1
}

# restore FILE [MODE OWNER]: from what gtune left ($work/left) to what was before ($work/before).
restore() {
	file=$ROOT$1
	inside "$file" || return 0
	if holds "$file" "$work/before"; then
		say 'already so' "$1"
	elif ! holds "$file" "$work/left"; then
		complain differs "$1 was changed since, left as it is"
		return 0
	elif [ ! -e "$work/before" ]; then
		if rm -f "$file"; then say restored "$1"; else complain failed "$1"; fi
		return 0
	elif [ ! -e "$work/left" ]; then
		if make "$file" "$work/before" "$2" "$3"; then say restored "$1"; else complain failed "$1"; fi
		return 0
	elif replace "$file" "$work/before"; then
		say restored "$1"
	else
		complain failed "$1"
		return 0
	fi
	[ $# -lt 3 ] || [ ! -e "$file" ] || { own "$3" "$file" && chmod "$2" "$file"; } || complain failed "$1"
}
