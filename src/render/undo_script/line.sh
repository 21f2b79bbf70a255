# restore_line FILE [MODE OWNER]: as restore. Where others have changed the file since, only gtune's line is changed:
# from $work/old to $work/new, of which either may be missing.
restore_line() {
	file=$ROOT$1
	inside "$file" || return 0
	if holds "$file" "$work/before" || holds "$file" "$work/left"; then
		restore "$@"
	elif [ ! -f "$file" ] || [ -L "$file" ]; then
		complain differs "$1 was changed since, left as it is"
	elif [ -e "$work/new" ] && [ -n "$(line_at "$work/new")" ]; then
		say 'already so' "$1"
	elif [ -e "$work/old" ]; then
		change_line "$1"
	else
		add_line "$1"
	fi
}

# line_at IMAGE: the numbers of the lines of $file that are this one, also where they end in CR LF.
line_at() {
	line=$(cat "$1")
	grep -nxF -e "$line" -e "$line$(printf '\r')" "$file" | cut -d : -f 1
}

change_line() {
	at=$(line_at "$work/old")
	case $at in
	'')
		if [ -e "$work/new" ]; then complain differs "$1 was changed since, left as it is"; else say 'already so' "$1"; fi
		return 0 ;;
	*[!0-9]*)
		complain differs "$1 was changed since, left as it is"
		return 0 ;;
	esac
	{
		[ "$at" -eq 1 ] || head -n "$((at - 1))" "$file"
		[ ! -e "$work/new" ] || { cat "$work/new" && echo; }
		tail -n "+$((at + 1))" "$file"
	} > "$work/merged"
	if replace "$file" "$work/merged"; then say restored "$1"; else complain failed "$1"; fi
}

add_line() {
	{
		cat "$file"
		[ -z "$(tail -c 1 "$file")" ] || echo
		cat "$work/new" && echo
	} > "$work/merged"
	if replace "$file" "$work/merged"; then say restored "$1"; else complain failed "$1"; fi
}
