# restore_limit PID START LEFT BEFORE: of open files, as SOFT:HARD.
restore_limit() {
	if ! is_process "$1" "$2"; then
		say left "pid $1 has ended"
		return 0
	fi
	now=$(awk '/^Max open files/ { print $4 ":" $5 }' "/proc/$1/limits")
	if [ "$now" = "$4" ]; then
		say 'already so' "pid $1"
	elif [ "$now" != "$3" ]; then
		complain differs "the limit of pid $1 was changed since, left as it is"
	elif prlimit --pid "$1" --nofile="$4"; then
		say restored "pid $1"
	else
		complain failed "pid $1"
	fi
}
